"""A route is there again after every start of its router, every load of its Caddyfile, and every boot of its host."""

import pytest

from tests.e2e.deployed import eventually
from tests.fleet import inside

from .one_host import PORT, OneHost

PUBLIC = 8080
THEIRS = {
    "caddy": ("etc/caddy/Caddyfile", "http://:8081 {\n\trespond theirs\n}\n"),
    "nginx": ("etc/nginx/conf.d/theirs.conf", "server { listen 8081; location / { return 200 theirs; } }\n"),
}


def behind(kind, user, lab, folder) -> OneHost:
    """The app, to be put behind the service that Debian's package brings, beside a site of somebody else's."""
    host = lab.fresh_hosts(1)[0]
    path, text = THEIRS[kind]
    (host.root / path).write_text(text)
    host.run(f"systemctl enable --quiet --now {kind}")
    made = OneHost(lab, host, folder, user)
    settings = (made.tiny.folder / "deploy.yaml").read_text()
    made.kind = kind
    made.tiny.settings(f"{settings}    router: {{kind: {kind}, port: {PUBLIC}}}\n")
    made.tiny.say("first")
    return made


@pytest.fixture(scope="module", params=[("caddy", "root"), ("caddy", "deploy"), ("nginx", "root")], ids="-".join)
def routed(request, lab, tmp_path_factory):
    """The app, shipped, as root under the system's systemd or as `deploy` under its own."""
    made = behind(*request.param, lab, tmp_path_factory.mktemp("routed"))
    made.deploy("ship")
    return made


def is_routed(one: OneHost, text: str = "first") -> None:
    """In bounded time the app is reached at the public port, and the other site at its own."""
    eventually(lambda: inside.get(one.host, PUBLIC, "/") == text, seconds=60, what=f"the router to say {text}")
    assert inside.get(one.host, 8081, "/") == "theirs"
    path, written = THEIRS[one.kind]
    assert (one.host.root / path).read_text() == written


def test_the_app_is_reached_through_the_router(routed):
    is_routed(routed)
    assert {row["port"] for row in routed.json("ps")["processes"] if row["port"]} >= {PORT}
    (told,) = routed.json("router", "show")["hosts"]
    assert told["router"] == routed.kind


@pytest.mark.parametrize("word", ["restart", "reload", "stop"])
def test_the_route_is_there_again_after(routed, word):
    for _ in range(3 if word == "reload" else 1):  # the next comes while the route of the one before is just being put
        routed.host.run(f"systemctl {word} {routed.kind}")
        if word == "stop":
            routed.host.run(f"systemctl start {routed.kind}")
        if (routed.kind, routed.user) == ("caddy", "deploy"):  # a user's systemd does not hear of it
            assert "no route" in routed.json("router", "show", code=50)["error"]["message"]
            routed.deploy("maintenance", "off")
        is_routed(routed)


def test_a_router_that_is_killed_comes_back_with_the_route_and_nobody_does_anything(routed):
    drop_in = routed.host.root / f"etc/systemd/system/{routed.kind}.service.d/deployer.conf"
    if routed.user != "root":  # who may not say so
        assert not drop_in.exists()
        return
    for _ in range(2):
        before = routed.host.run(f"systemctl show --value -p MainPID {routed.kind}").stdout
        routed.host.run(f"systemctl kill --kill-whom=main --signal=KILL {routed.kind}")
        eventually(
            lambda: routed.host.run(f"systemctl show --value -p MainPID {routed.kind}").stdout not in (before, "0\n"),  # noqa: B023
            what=f"another {routed.kind}",
        )
        is_routed(routed)


def test_the_route_is_there_again_after_a_reboot(routed):
    routed.host.reboot()
    is_routed(routed)
    routed.host.power_cut()
    routed.host.boot()
    is_routed(routed)


def test_a_switch_that_was_cut_off_is_undone_though_the_router_is_up_late(routed):
    slow = routed.host.root / f"etc/systemd/system/{routed.kind}.service.d/slow.conf"
    slow.parent.mkdir(exist_ok=True)
    slow.write_text("[Service]\nExecStartPre=/bin/sleep 5\n")
    routed.tiny.say("never")
    with routed.standing_at("switch.ready", "ship"):
        routed.host.power_cut()
    routed.host.boot()
    is_routed(routed)
    assert routed.json("status")["ok"]
    slow.unlink()
    routed.tiny.say("first")


def test_maintenance_outlasts_a_reboot(routed):
    routed.deploy("maintenance", "on", "--message", "soon")
    routed.host.reboot()
    closed = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/"
    eventually(lambda: routed.host.run(closed, check=False).stdout == "503", seconds=60, what="the router to say 503")
    routed.deploy("maintenance", "off")
    is_routed(routed)


def test_a_target_that_loses_its_router_leaves_no_unit_behind(routed):
    routed.settings()
    routed.deploy("ship")
    units = "find /etc/systemd /home/deploy/.config -name '*-router.service'"
    assert routed.host.run(units, check=False).stdout == ""
    routed.host.run(f"systemctl restart {routed.kind}")
    eventually(lambda: inside.get(routed.host, 8081, "/") == "theirs", seconds=60, what="their site")
    assert inside.get(routed.host, PUBLIC, "/") is None


def test_who_may_not_write_into_etc_is_told_that_nginx_needs_root(lab, tmp_path):
    one = behind("nginx", "deploy", lab, tmp_path)
    result = one.run("ship")
    assert result.code == 30
    assert "/etc/nginx/conf.d cannot be written to" in result.err
    assert "sudo: true" in result.err
