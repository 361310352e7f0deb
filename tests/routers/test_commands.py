"""The app behind a router, as its operator sees it: ship, maintenance, router show."""

import socket

import pytest

from tests.apps.tiny import tiny_app
from tests.e2e.deployed import Deployed, eventually

from .load import Load
from .programs import free_port, get, says_how_to_start

SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [mkdir static, cp text.txt static/said.txt]
processes:
  web: {health: /up, boot_timeout: 60s, stop_timeout: 5s, healthy_time: 300ms}
  worker: {stop_timeout: 2s, healthy_time: 300ms}
targets:
  local:
    formation: {web: 2, worker: 1}
"""


def router_of(program):
    told = program.router()
    lines = {"kind": told.kind, "port": told.port, "admin": told.admin, "conf": told.conf, "assets": "[static]"}
    return f"    router: {{{', '.join(f'{key}: {value!r}' for key, value in lines.items() if value)}}}\n".replace(
        "'[static]'", "[static]"
    )


@pytest.fixture
def app(tmp_path):
    tiny = tiny_app(tmp_path / "app")
    made = Deployed(tiny.folder, tmp_path / "home", "tiny", free_port())
    made.home.mkdir()
    made.leave_first_ports()
    made.tiny = tiny
    yield made
    made.end()


@pytest.fixture
def routed(app, program):
    app.tiny.settings(SETTINGS + router_of(program))
    app.tiny.say("first")
    app.deploy("ship")
    return app


def test_the_app_is_reached_through_its_router_and_no_release_after_it_drops_a_request(routed, program):
    assert get(program.port).body.strip() == "first"
    with Load(program.port, kept=2, fresh=2) as load:
        for text in ("second", "third"):
            routed.tiny.say(text)
            routed.deploy("ship")
            assert get(program.port).body.strip() == text
        routed.deploy("rollback")
        assert get(program.port).body.strip() == "second"
        assert get(program.port, "/static/said.txt").body.strip() == "second"
        routed.deploy("restart")
    assert load.failed == []
    assert {text.strip() for text in load.answers} == {"first", "second", "third"}
    assert program.theirs().startswith("theirs")
    routed.deploy("status")


def test_the_router_hears_of_processes_that_go_before_they_do(app, program):
    rolling = SETTINGS.replace("web: {", "web: {update: rolling, ")
    app.tiny.settings(rolling + router_of(program))
    app.deploy("ship")
    with Load(program.port, kept=2, fresh=4) as load:
        app.deploy("scale", "web=1")
        app.deploy("scale", "web=3")
        app.tiny.settings(rolling.replace("web: 2", "web: 1") + router_of(program))
        app.deploy("ship")
    assert load.failed == []
    app.deploy("status")


def test_the_routed_type_may_have_another_name(routed, program):
    procfile = (routed.folder / "Procfile").read_text()
    routed.tiny.procfile(procfile.replace("web:", "site:"))
    renamed = (SETTINGS + router_of(program)).replace("web:", "site:")
    routed.tiny.settings(renamed.replace("router: {", "router: {type: site, "))
    with Load(program.port, kept=2, fresh=4) as load:
        routed.deploy("ship")
        routed.deploy("rollback")
    assert load.failed == []
    assert routed.json("status")["hosts"][0]["drift"] == []


@pytest.mark.parametrize(
    ("kind", "told"), [("wen", "wen is no process type of the build"), ("worker", "worker takes no requests")]
)
def test_a_route_to_what_takes_no_requests_is_refused(app, program, kind, told):
    app.tiny.settings(SETTINGS + router_of(program).replace("router: {", f"router: {{type: {kind}, "))
    result = app.run("ship")
    assert result.code == 2
    assert f"router.type: {told}" in result.err
    assert "`router.type` may be web" in result.err


def test_maintenance_is_put_on_and_taken_off(routed, program, tmp_path):
    assert routed.deploy("maintenance", "on", "--message", "Back at noon", "--retry-after", "90s") == "local"
    answer = get(program.port)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "90")
    assert "Back at noon" in answer.body
    (told,) = routed.json("router", "show")["hosts"]
    assert told["maintenance"] == {"retry_after": 90, "message": "Back at noon"}
    routed.tiny.say("second")
    routed.deploy("ship")
    assert get(program.port).status == 503
    page = tmp_path / "page.html"
    page.write_text("<h1>Ü</h1>")
    assert routed.json("maintenance", "on", "--page", str(page)) == {"maintenance": True, "hosts": ["local"]}
    assert get(program.port).body == "<h1>Ü</h1>"
    for _ in range(2):
        routed.deploy("maintenance", "off")
        assert get(program.port).body.strip() == "second"


def test_what_the_router_has_is_shown(routed, program):
    (told,) = routed.json("router", "show")["hosts"]
    assert (told["host"], told["router"], told["maintenance"], told["drift"]) == ("local", program.kind, None, None)
    assert str(program.port) in told["at"]
    assert sorted(name for one in told["upstreams"] for name in one["processes"]) == ["web.1", "web.2"]
    assert all(one["listens"] and one["busy"] == 0 for one in told["upstreams"])
    table = routed.deploy("router", "show").splitlines()
    assert len(table) == 3
    assert "web.1" in table[1]


def test_of_a_router_that_does_not_run_show_says_what_maintenance_says(routed, program):
    program.stop()
    if program.kind == "nginx":  # what it has stands in a file, whether it runs or not
        assert routed.json("router", "show")["hosts"][0]["upstreams"]
        return
    shown = routed.json("router", "show", code=50)["error"]["hint"]
    assert shown == routed.json("maintenance", "on", code=30)["error"]["hint"]
    assert says_how_to_start(program.kind, shown)


def test_a_router_that_lost_its_route_is_drift_and_told_again(routed, program):
    if program.kind == "nginx":
        (program.conf / "deployer-tiny.local.conf").unlink()
    else:
        program.stop()
        program.start()
    assert "no route" in routed.json("router", "show", code=50)["error"]["message"]
    (told,) = routed.json("status", code=50)["hosts"]
    assert told["drift"] == [f"its router: {program.kind} has no route of this target"]
    routed.deploy("converge")
    assert get(program.port).body.strip() == "first"
    for words in (("router", "show"), ("status",)):
        routed.deploy(*words)


def test_a_port_that_is_somebody_elses_stops_a_release_before_anything_is_touched(routed, program):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        routed.tiny.settings((SETTINGS + router_of(program)).replace(str(program.port), str(port), 1))
        result = routed.run("ship")
    assert result.code == 30
    assert f"port {port}, where {program.kind} is to listen, is held by" in result.err
    assert [event["event"] for event in routed.json("events")["events"]].count("switched") == 1
    assert get(program.port).body.strip() == "first"


def test_a_router_that_does_not_run_stops_a_release_before_anything_is_touched(routed, program):
    program.stop()
    routed.tiny.say("second")
    result = routed.run("ship")
    assert result.code == 30
    assert says_how_to_start(program.kind, result.err)
    program.start()
    routed.deploy("maintenance", "off")
    assert get(program.port).body.strip() == "first"


def test_the_doctor_tells_of_the_router(routed, program):
    def found():
        return next(one for one in routed.run("doctor", "--json").document["findings"] if one["name"] == "router")

    assert found()["ok"]
    program.stop()
    told = found()
    assert not told["ok"]
    assert says_how_to_start(program.kind, told["hint"])


def test_a_target_without_a_router_has_nobody_to_answer_in_its_place(app):
    app.tiny.settings(SETTINGS)
    app.deploy("ship")
    assert app.json("router", "show")["hosts"][0]["router"] is None
    for words in (("on",), ("off",)):
        result = app.run("maintenance", *words)
        assert result.code == 2
        assert "router" in result.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--message", "x", "--page", "y"], 2, "only one of them"),
        (["--page", "none.html"], 3, "there is no none.html"),
        (["--page", "binary"], 2, "not UTF-8"),
        (["--page", "large"], 2, "larger than 256 KiB"),
        (["--page", "empty"], 2, "is empty"),
        (["--retry-after", "soon"], 2, "no duration"),
        (["--retry-after", "0s"], 2, "from 1s"),
    ],
)
def test_a_page_that_cannot_be_shown_is_refused_here(app, words, code, said):
    (app.folder / "binary").write_bytes(b"\xff\xfe")
    (app.folder / "large").write_text("x" * (256 * 1024 + 1))
    (app.folder / "empty").write_text("\n")
    result = app.run("maintenance", "on", *words)
    assert (result.code, said in result.err) == (code, True)


def test_removing_the_router_from_the_settings_takes_the_route_away(routed, program):
    routed.tiny.settings(SETTINGS)
    routed.deploy("ship")
    eventually(lambda: routed.json("router", "show")["hosts"][0]["router"] is None, what="no route")
    assert program.theirs().startswith("theirs")
