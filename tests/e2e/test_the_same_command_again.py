"""A command that was cut off, or failed, and is typed again: it finishes what was asked, and does no more than that."""

import itertools

import pytest

from tests.apps.tiny import TinyApp, tiny_app

from .conftest import FAST, port_of_its_own
from .deployed import Deployed

# Before the release is recorded, after it, while it is switched to, and when all but the end is done.
CUT = ("ledger.link:1", "ledger.published:1", "current.renamed:1", "switch.ready:1", "ledger.published:2", "look:1")
_values = itertools.count(2)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """The tiny app, three releases of it: each test goes on from where the one before it ended."""
    place = tmp_path_factory.mktemp("again")
    tiny, port = tiny_app(place / "app"), port_of_its_own()
    tiny.settings(FAST.format(app="tiny", port=port, more=""))
    one = Deployed(tiny.folder, place / "home", "tiny", port)
    one.home.mkdir()
    for text in ("one", "two", "three"):
        tiny.say(text)
        one.deploy("ship")
    yield one
    one.end()


def cut(deployed, point, *words, **more):
    """Have the command die at `point`; then the same command ends well, and all agrees."""
    died = deployed.run(*words, env={"DEPLOYER_FAULT": point, **more.get("env", {})})
    assert died.code != 0, f"{point} is not passed any more"
    try:
        again = deployed.deploy(*words, "--wait", "60s", **more)
        assert deployed.differences() == []
    except AssertionError as error:
        error.add_note(f"killed at {point} ({died.code}): {died.err}")
        raise
    return again


@pytest.mark.parametrize("point", CUT)
def test_a_value_that_was_set_with_run_is_the_one_that_the_processes_have(deployed, point):
    value = f"x{next(_values)}"
    cut(deployed, point, "config", "set", f"COLOUR={value}", "--run")
    assert deployed.get("/env/COLOUR") == value


def test_a_value_that_was_taken_away_imported_or_edited_is_so_in_the_processes(deployed, tmp_path):
    deployed.deploy("config", "set", "COLOUR=red", "SHAPE=round", "--run")
    cut(deployed, "ledger.published:1", "config", "unset", "COLOUR", "--run")
    assert deployed.get("/env/COLOUR") == ""
    deployed.deploy("config", "unset", "NEVER", "--run", code=3)
    (tmp_path / "values.env").write_text("SIZE=large\n")
    cut(deployed, "ledger.published:1", "config", "import", str(tmp_path / "values.env"), "--run")
    assert deployed.get("/env/SIZE") == "large"
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i s/large/small/ $1\n")
    editor.chmod(0o755)
    cut(deployed, "ledger.published:1", "config", "edit", "--run", env={"EDITOR": str(editor), "VISUAL": ""})
    assert deployed.get("/env/SIZE") == "small"


def test_a_value_whose_run_failed_is_run_when_it_is_set_again(deployed, tmp_path):
    sick = tmp_path / "sick"
    behaviour = deployed.folder / "behaviour" / "web"
    behaviour.write_text(f"fail-health-if {sick}\n")
    text = (deployed.folder / "deploy.yaml").read_text().replace("boot_timeout: 60s", "boot_timeout: 3s")
    TinyApp(deployed.folder).settings(text)
    deployed.deploy("ship")
    expected = f"v{len(deployed.json('releases', '--all')['releases'])}"
    sick.touch()
    words = ["config", "set", "TOKEN=new", "--run", "--expect", expected]
    assert deployed.run(*words).code == 31, "what served before is as sick"
    told = deployed.run("config", "set", "TOKEN=new")
    assert "does not run: `deploy run v" in told.err
    sick.unlink()
    assert deployed.json(*words)["run"]["changed"]
    assert deployed.get("/env/TOKEN") == "new"
    assert not deployed.json(*words)["run"]["changed"]
    deployed.deploy("config", "set", "TOKEN=new", "--run", "--expect", "v1", code=20)


# After the run was confirmed: while that is noted, and while the end is read back.
CONFIRMED = ("head.create:1", "pending.unlink:1", "look:1", "ask.Look:1", "ask.EndIntent:1")


@pytest.mark.parametrize("point", CONFIRMED)
def test_a_bare_rollback_goes_back_once(deployed, point):
    tiny = TinyApp(deployed.folder)
    tiny.say(f"before {point}")
    before = deployed.deploy("ship")
    tiny.say(f"after {point}")
    left = deployed.deploy("ship")
    assert cut(deployed, point, "rollback", "--expect", left) == before
    assert deployed.get("/").strip() == f"before {point}"
    further = deployed.deploy("rollback")
    assert int(further[1:]) < int(before[1:])


def test_a_rollback_that_was_cut_off_before_something_else_is_not_gone_on_with(deployed):
    tiny = TinyApp(deployed.folder)
    for text in ("one more", "and another"):
        tiny.say(text)
        last = deployed.deploy("ship")
    assert deployed.run("rollback", env={"DEPLOYER_FAULT": "look:1"}).code != 0
    deployed.deploy("run", last)
    assert deployed.deploy("rollback") != last
    deployed.deploy("rollback", "--expect", last, code=20)


@pytest.mark.parametrize("point", ["current.renamed:1", "look:1"])
def test_one_process_more_is_one_process_more(deployed, point):
    before = len(deployed.processes())
    cut(deployed, point, "scale", "worker+1")
    assert len(deployed.processes()) == before + 1
    deployed.deploy("scale", "worker-1")
    assert len(deployed.processes()) == before
