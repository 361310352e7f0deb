"""Every host has a copy of the ledger, and whoever missed something is brought up to date by the next run."""

import shutil


def all_at(fleet, release):
    return fleet.serves() == dict.fromkeys(fleet.names, release)


def test_after_a_ship_all_hosts_are_equal(fleet):
    assert fleet.deploy("ship") == "v1"
    assert fleet.same_ledgers()
    assert all_at(fleet, "v1")
    assert fleet.runs("web1") == {"web.1": "v1", "worker.1": "v1"}
    assert fleet.runs("web2") == {"worker.1": "v1"}
    assert fleet.differences() == []
    verified = fleet.json("ledger", "verify")
    assert verified["ok"]
    assert [host["state"] for host in verified["hosts"]] == ["same", "same", "same"]


def test_a_host_that_was_down_during_release_and_run_is_brought_up_to_date_by_the_next_run(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        fleet.tiny.say("two")
        assert fleet.deploy("release", code=40) == "v2"
        refused = fleet.run("run")
        assert refused.code == 40
        assert fleet.serves()["web1"] == "v1"  # nothing was begun on the others
        assert fleet.deploy("run", "--allow-missing") == "v2"
        assert fleet.serves() == {"web1": "v2", "web2": "v1", "web3": "v2"}
    assert "web2" in fleet.run("status").err
    verified = fleet.json("ledger", "verify")
    assert [(host["state"], host["behind"]) for host in verified["hosts"]] == [("same", 0), ("behind", 2), ("same", 0)]
    assert fleet.deploy("run") == "v2"
    assert all_at(fleet, "v2")
    assert fleet.same_ledgers()
    assert fleet.differences() == []


def test_a_new_host_is_brought_up_by_the_next_run_though_nothing_else_changes(fleet):
    fleet.declare("web1", "web2")
    fleet.deploy("ship")
    pids = fleet.json("ps")["processes"]
    fleet.declare("web1", "web2", "web3")
    ran = fleet.json("run")
    assert ran["changed"]
    assert all_at(fleet, "v1")
    assert fleet.same_ledgers()
    assert fleet.differences() == []
    others = [process for process in fleet.json("ps")["processes"] if process["host"] != "web3"]
    assert others == pids  # no process of theirs was touched
    assert not fleet.json("run")["changed"]


def test_a_narrowed_run_is_for_its_hosts_and_status_tells_that_the_target_is_not_of_one_release(fleet):
    fleet.deploy("ship")
    fleet.tiny.say("canary")
    fleet.deploy("release")
    assert fleet.deploy("run", "--hosts", "web2") == "v2"
    assert fleet.serves() == {"web1": "v1", "web2": "v2", "web3": "v1"}
    told = fleet.json("status", code=50)
    assert told["current"] == "v1"
    assert [host["host"] for host in told["hosts"] if host["drift"]] == ["web2"]
    refused = fleet.run("restart")
    assert refused.code == 2
    assert "web2 serves v2, the target v1" in refused.err
    fleet.deploy("run", "--hosts", "web1,web3")
    assert all_at(fleet, "v2")
    assert fleet.json("run")["changed"]  # now the target as such serves it
    assert fleet.json("status")["current"] == "v2"
    assert fleet.same_ledgers()


def test_a_host_with_another_name_is_the_same_machine_still(fleet):
    fleet.deploy("ship")
    pids = [process["pid"] for process in fleet.json("ps")["processes"]]
    fleet.rename("web2", "jobs1")
    fleet.deploy("status", code=50)
    assert fleet.deploy("run") == "v1"
    assert fleet.differences() == []
    assert [process["pid"] for process in fleet.json("ps")["processes"]] == pids
    fleet.tiny.say("two")
    fleet.deploy("ship")
    assert all_at(fleet, "v2")
    fleet.deploy("rollback")
    assert all_at(fleet, "v1")
    assert fleet.differences() == []


def test_a_fork_is_refused_with_both_heads_and_changes_nothing(fleet, tmp_path):
    fleet.deploy("ship")
    snapshot(fleet, "web1", tmp_path)
    fleet.deploy("release")
    restore(fleet, "web1", tmp_path)
    behind = fleet.run("status")
    assert behind.code == 50
    assert "the ledger that counts is behind a copy of it" in behind.err
    with fleet.down("web2", "web3"):
        fleet.deploy("release", "--allow-missing")
    before = {name: fleet.ledger(name) for name in fleet.names}
    for words in (["release"], ["run"], ["status"], ["ledger", "show"]):
        told = fleet.json(*words, code=50)["error"]
        heads = told["details"]["heads"]
        assert set(heads) == {"web1", "web2"}
        assert heads["web1"][0] == heads["web2"][0] == 3
        assert heads["web1"][1] != heads["web2"][1]
        assert all(digest[:12] in told["message"] for _, digest in heads.values())
    verified = fleet.json("ledger", "verify", code=50)
    assert [(host["state"], host["at"]) for host in verified["hosts"]] == [("same", None), ("forked", 3), ("forked", 3)]
    assert {name: fleet.ledger(name) for name in fleet.names} == before


def test_an_altered_copy_is_refused_and_verify_still_tells_of_all_hosts(fleet):
    fleet.deploy("ship")
    record = fleet.of("web2") / "ledger" / "00000001"
    whole = record.read_bytes()
    record.chmod(0o644)
    record.write_bytes(whole.replace(b'"ship"', b'"shop"'))
    refused = fleet.run("run")
    assert refused.code == 50
    assert "web2" in refused.err
    verified = fleet.json("ledger", "verify", code=50)
    states = {host["host"]: (host["state"], host["at"]) for host in verified["hosts"]}
    assert states == {"web1": ("same", None), "web2": ("altered", 1), "web3": ("same", None)}
    altered = verified["hosts"][1]
    assert altered["here"] != altered["there"]
    assert "record 00000002 does not fit" in altered["error"]
    assert altered["here"][:12] in fleet.run("ledger", "verify").out
    record.write_bytes(whole)
    fleet.deploy("run")


def test_the_records_are_shown(fleet):
    fleet.deploy("ship")
    shown = fleet.json("ledger", "show")["records"]
    assert [(record["seq"], record["kind"]) for record in shown] == [(1, "release"), (2, "run")]
    assert shown[1]["prev"] == shown[0]["digest"]
    assert set(shown[1]["body"]["hosts"]) == {"web1", "web2", "web3"}
    assert [record["seq"] for record in fleet.json("ledger", "show", "-n", "1")["records"]] == [2]
    assert shown[0]["digest"][:12] in fleet.deploy("ledger", "show")


def snapshot(fleet, name, folder):
    """Keep what the host's ledger is now."""
    shutil.copytree(fleet.of(name) / "ledger", folder / "snapshot")
    shutil.copy(fleet.of(name) / "ledger.head", folder / "head")


def restore(fleet, name, folder):
    """The host's ledger is what it was, as after the restore of a machine's disk."""
    shutil.rmtree(fleet.of(name) / "ledger")
    shutil.copytree(folder / "snapshot", fleet.of(name) / "ledger")
    shutil.copy(folder / "head", fleet.of(name) / "ledger.head")
