"""How long does a run take, beside the app's own boot?  With the `healthy_time` that everybody has, 3 s."""

from pathlib import Path

from benchmarks.clock import Taken, walls
from benchmarks.operators import PORT, deploying, operator
from benchmarks.results import Line
from deployer.core.manifest import ProcessType
from tests.apps.tiny import TinyApp, tiny_app
from tests.e2e.deployed import Deployed

SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 30s, stop_timeout: 2s, port: {port}}}
"""
GOAL = 1.0  # seconds that a ship may take besides the app's boot and its healthy_time
WEB = "web: python3 -I -S server.py web\n"
WORKER = "worker: python3 -I -S server.py worker\n"


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """A light app, of `web` alone and with a `worker`, which cannot be tried beside the old one."""
    lines = []
    for name, procfile in (("web", WEB), ("web and worker", WEB + WORKER)):
        app = tiny_app(folder / name.replace(" ", "-"))
        app.procfile(procfile)
        app.settings(SETTINGS.format(port=PORT))
        one = operator(app.folder, folder / f"home-{name.replace(' ', '-')}", "tiny")
        try:
            one.deploy("ship")
            taken, boots = _taken(one, app, rounds or 5)
        finally:
            one.end()
        lines.append(Line(f"{name}: boot, until the first answer", boots))
        for what, times in taken.items():
            lines.append(Line(f"{name}: `deploy {what}`", walls(times)))
        over = [ship.wall - boot - ProcessType.healthy_time for ship, boot in zip(taken["ship"], boots, strict=True)]
        lines.append(Line(f"{name}: `deploy ship` beyond boot and healthy_time", over, goal=GOAL))
    return lines


def _taken(one: Deployed, app: TinyApp, rounds: int) -> tuple[dict[str, list[Taken]], list[float]]:
    commands = {
        "ship": ["ship"],
        "rollback": ["rollback", "v1"],
        "config set --run": ["config", "set", "ROUND=0", "--run"],
        "run of what runs": ["run"],
    }
    taken: dict[str, list[Taken]] = {what: [] for what in commands}
    boots = []
    for number in range(rounds):
        app.say(f"text {number}")
        commands["config set --run"][2] = f"ROUND={number}"
        for what, words in commands.items():
            taken[what].append(deploying(one, *words, "--quiet")())
            if what == "ship":
                boots.append(one.json("show")["runs"][-1]["times"]["ready"]["web"]["seconds"])
    return taken, boots
