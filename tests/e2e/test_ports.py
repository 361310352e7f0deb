"""Two apps of one host, of which one is stopped, never have the same ports."""

from tests.apps.tiny import tiny_app

from .deployed import Deployed

PLAIN = """\
app: {app}
build: {{pack: commands, commands: [cp text.txt built.txt]}}
processes:
  web: {{health: /up, boot_timeout: 60s, stop_timeout: 2s, healthy_time: 300ms}}
  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
"""


def thousand(deployed):
    return next(row["port"] for row in deployed.json("ps")["processes"] if row["process"] == "web.1") // 1000


def test_a_stopped_app_keeps_its_ports(tmp_path):
    apps = []
    try:
        for name in ("first", "second"):
            app = tiny_app(tmp_path / name)
            app.settings(PLAIN.format(app=name))
            apps.append(Deployed(app.folder, tmp_path / "home", name, 0))
            apps[-1].home.mkdir(exist_ok=True)
        apps[0].leave_first_ports()
        first, second = apps
        first.deploy("ship")
        own = thousand(first)
        first.deploy("stop")
        second.deploy("ship")
        assert thousand(second) != own
        first.deploy("start")
        assert thousand(first) == own
        assert first.differences() == second.differences() == []
    finally:
        for app in apps:
            app.end()
