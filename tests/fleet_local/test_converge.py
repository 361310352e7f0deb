"""`deploy converge` mends what is not right, and nothing else."""

import os
import shutil
from pathlib import Path

import deployer

PACKAGE = Path(deployer.__file__).parent


def pids(fleet):
    return {(one["host"], one["process"]): one["pid"] for one in fleet.json("ps")["processes"]}


def test_what_is_right_is_left_alone(fleet):
    fleet.deploy("ship")
    before, records = pids(fleet), fleet.heads()
    told = fleet.json("converge")
    assert (told["changed"], told["run"]) == (False, None)
    assert "nothing to do" in fleet.run("converge").err
    assert (pids(fleet), fleet.heads()) == (before, records)


def test_a_host_that_missed_everything_gets_the_current_release_and_that_of_a_rollback(fleet):
    fleet.deploy("ship")
    with fleet.down("web3"):
        for text in ("two", "three"):
            fleet.tiny.say(text)
            fleet.deploy("ship", "--allow-missing")
    others = {key: pid for key, pid in pids(fleet).items() if key[0] != "web3"}
    told = fleet.json("converge")
    assert [host["host"] for host in told["hosts"] if host["changed"]] == ["web3"]
    assert [host["host"] for host in told["run"]["hosts"]] == ["web3"]
    assert fleet.serves() == {"web1": "v3", "web2": "v3", "web3": "v3"}
    assert fleet.kept("web3") == ["v1", "v2", "v3"]
    assert {key: pid for key, pid in pids(fleet).items() if key[0] != "web3"} == others
    assert fleet.same_ledgers()
    assert fleet.differences() == []
    last = fleet.json("ledger", "show", "-n", "1")["records"][0]["body"]
    assert (last["cause"], last["outcome"], list(last["hosts"]), last["whole"]) == (
        "converge",
        "succeeded",
        ["web3"],
        False,
    )
    assert fleet.json("status")["current"] == "v3"
    assert "sending" not in fleet.run("rollback").err  # v2 is there already
    assert fleet.differences() == []


def test_a_new_host_a_lost_process_and_a_lost_link_are_mended(fleet):
    fleet.declare("web1", "web2")
    fleet.deploy("ship")
    fleet.declare("web1", "web2", "web3")
    os.unlink(fleet.of("web1") / "current")
    manager = fleet.manager("web2")
    manager.stop([instance.process for instance in manager.instances()])
    told = fleet.json("status", code=50)
    assert all(host["drift"] for host in told["hosts"])
    fleet.deploy("converge")
    assert fleet.differences() == []
    assert fleet.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}
    assert not fleet.json("converge")["changed"]


def test_a_host_that_is_missing_is_left_out_only_where_that_is_allowed(fleet):
    fleet.deploy("ship")
    os.unlink(fleet.of("web1") / "current")
    with fleet.down("web2"):
        fleet.deploy("converge", code=40)
        assert fleet.serves()["web1"] == ""
        fleet.deploy("converge", "--allow-missing")
        assert fleet.serves()["web1"] == "v1"
    fleet.deploy("converge")
    assert fleet.same_ledgers()


def test_what_was_stopped_stays_so(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        fleet.deploy("stop", "--allow-missing")
    fleet.deploy("converge")
    assert {name: fleet.runs(name) for name in fleet.names} == {"web1": {}, "web2": {}, "web3": {}}
    fleet.deploy("start")
    assert fleet.differences() == []


def test_a_host_that_missed_a_release_of_an_older_deployer_gets_it_from_a_newer_one(fleet, tmp_path):
    with fleet.down("web2"):
        fleet.deploy("release", "--allow-missing")
    newer = tmp_path / "newer"  # it knows one thing more of a process type
    shutil.copytree(PACKAGE, newer / "deployer", ignore=shutil.ignore_patterns("__pycache__"))
    module = newer / "deployer/core/manifest.py"
    text = module.read_text()
    known = '    stop_signal: str = "TERM"\n'
    assert known in text
    module.write_text(text.replace(known, known + '    novelty: str = ""\n'))
    fleet.deploy("run", env={"PYTHONPATH": str(newer)})
    assert fleet.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}
    assert b"novelty" not in (fleet.of("web2") / "releases/v1/release.json").read_bytes()
    assert fleet.differences() == []
