"""What a ship makes, what a prune keeps and what a rollback chooses, whatever was tried and set in between."""

import os
import signal

from .deployed import eventually


def test_a_ship_of_what_runs_already_changes_nothing_and_starts_what_does_not(deployed, tiny):
    deployed.deploy("ship")
    pid, records = deployed.get("/pid"), sorted(os.listdir(deployed.root / "ledger"))
    again = deployed.run("ship")
    assert (again.code, again.out) == (0, "v1\n")
    assert "v1 already runs this commit and config; nothing to do. `--force` ships it anyway" in again.err
    assert deployed.json("ship")["changed"] is False
    assert deployed.get("/pid") == pid
    assert sorted(os.listdir(deployed.root / "ledger")) == records
    deployed.deploy("stop")
    started = deployed.run("ship")
    assert (started.code, started.out) == (0, "v1\n")
    assert "no new release was made" in started.err
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    assert deployed.deploy("ship", "--force") == "v2"
    assert "the same build and config as v2" in deployed.run("rollback").err
    deployed.deploy("release")
    assert deployed.deploy("ship") == "v4", "v3 waits to be run"


def test_a_ship_is_one_where_anything_differs(deployed, tiny, fast, port):
    deployed.deploy("ship")
    deployed.deploy("config", "set", "COLOUR=red")
    assert deployed.deploy("ship") == "v3"
    assert deployed.get("/env/COLOUR").strip() == "red"
    assert deployed.deploy("rollback") == "v1"
    assert deployed.deploy("ship") == "v4", "v3 was left: it does not run"
    (tiny.folder / "deploy.yaml").write_text(
        fast.format(app="tiny", port=port, more="targets:\n  local: {formation: {web: 1, worker: 2}}\n")
    )
    assert deployed.deploy("ship") == "v5", "the formation is another one"
    assert deployed.processes() == {"web.1": "up", "worker.1": "up", "worker.2": "up"}
    deployed.deploy("scale", "worker=1")
    assert deployed.deploy("ship") == "v5", "what was scaled stays so"


def test_config_changes_cost_no_way_back_and_the_list_says_what_each_was(deployed, tiny, fast, port):
    tiny.settings(fast.format(app="tiny", port=port, more="targets:\n  local: {keep: 2}\n"))
    tiny.say("one")
    deployed.deploy("ship")
    tiny.say("two")
    deployed.deploy("ship")
    for number in range(4):
        deployed.deploy("config", "set", f"N={number}")
    deployed.deploy("config", "set", "N=4", "--run")
    deployed.deploy("config", "set", "N=5", "--run")
    deployed.deploy("config", "unset", "N")
    listed = deployed.json("releases")["releases"]
    assert [one["state"] for one in listed[:3]] == ["not run", "live", "ok"]
    assert listed[0]["config_removed"] == listed[1]["config_changed"] == ["N"]
    assert listed[0]["subject"] == listed[1]["subject"] == "Say two"
    assert listed[-1]["subject"] == "Say one"
    assert [one["release"] for one in deployed.json("releases", "-n", "2")["releases"]] == ["v9", "v8"]
    table = deployed.run("releases", "-n", "2")
    assert "-N" in table.out
    assert "the newest 2 of 9; `--all` lists every one" in table.err
    assert {one["release"] for one in listed if one["present"]} >= {"v1", "v7", "v8"}
    assert deployed.deploy("rollback") == "v7"
    tiny.say("three")
    deployed.deploy("ship")
    assert "config changed" in deployed.deploy("show", "v8")
    assert "Say one" in deployed.deploy("show", "v1")
    told = deployed.json("rollback")
    assert told["release"] == "v7"
    assert [one["why"] for one in told["skipped"]] == ["it never ran", "it was rolled back from"]


def test_a_release_that_begins_to_crash_later_is_known_to_a_rollback(deployed, tiny):
    for text in ("one", "two"):
        tiny.say(text)
        deployed.deploy("ship")
    mark = deployed.root / "run" / "processes" / "crashed-v2"
    before = ""
    for _ in range(3):
        before = eventually(lambda was=before: pid(deployed, was), seconds=60, what="the next life of web.1")
        os.kill(int(before), signal.SIGKILL)
    eventually(mark.exists, seconds=60, what="the mark of a crash loop")
    assert deployed.json("releases")["releases"][0]["state"] == "live, keeps crashing"
    tiny.say("three")
    deployed.deploy("ship")
    told = deployed.json("rollback")
    assert told["release"] == "v1"
    assert told["skipped"][0]["release"] == "v2"
    assert told["skipped"][0]["why"].startswith("web.1 kept crashing: it was killed by SIGKILL")
    deployed.deploy("rollback", "v2")
    assert not mark.exists(), "it was run again, and came up"


def pid(deployed, before):
    """The pid of the web process, once it is up and another one than `before`; '' until then."""
    rows = deployed.json("ps")["processes"]
    now = next((row["pid"] for row in rows if row["process"] == "web.1" and row["state"] == "up"), 0)
    return str(now) if now and str(now) != before else ""
