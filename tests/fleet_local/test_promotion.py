"""A target whose primary is lost goes on after a promotion, and no record is ever lost by one."""

import pytest

from .test_ledger_copies import restore, snapshot


def test_without_the_primary_nothing_is_changed_and_the_hint_says_how_to_go_on(fleet):
    fleet.deploy("ship")
    with fleet.down("web1"):
        refused = fleet.run("release")
        assert refused.code == 40
        assert "deploy ledger promote" in refused.err
        for words in (["ps"], ["status"], ["releases"], ["show"], ["verify"], ["events"], ["ledger", "show"]):
            told = fleet.json(*words, code=40)
            assert len(told) > 1  # an answer, with the error beside it
            assert told["error"]["hosts"][0]["host"] == "web1"
        assert fleet.json("releases", code=40)["releases"][0]["release"] == "v1"


def test_a_target_goes_on_after_its_primary_is_lost_and_takes_it_back_as_a_copy(fleet):
    fleet.deploy("config", "set", "GREETING=hello")
    fleet.deploy("ship")
    with fleet.down("web1"):
        unasked = fleet.run("ledger", "promote", "web2")
        assert unasked.code == 2
        assert fleet.heads() == {"web1": 2, "web2": 2, "web3": 2}
        promoted = fleet.json("ledger", "promote", "web2", "--yes")
        assert (promoted["counts"], promoted["previous"], promoted["left_out"]) == ("web2", "web1", ["web1"])
        assert fleet.heads() == {"web1": 2, "web2": 3, "web3": 3}
        fleet.tiny.say("two")
        assert fleet.deploy("ship", "--allow-missing") == "v2"
        assert fleet.deploy("config", "get", "GREETING", code=0) == "hello"
    assert fleet.json("ledger", "verify")["hosts"][0]["state"] == "behind"
    assert fleet.deploy("run") == "v2"
    assert fleet.serves() == {"web1": "v2", "web2": "v2", "web3": "v2"}
    assert fleet.same_ledgers()
    assert fleet.differences() == []  # digests of the config, too: one key on all
    assert fleet.json("ledger", "verify")["counts"] == "web2"
    fleet.deploy("ledger", "promote", "web1", "--yes")
    assert fleet.same_ledgers()
    fleet.deploy("run")


def test_a_primary_that_is_gone_for_good_is_replaced_by_a_new_machine(fleet):
    fleet.deploy("ship")
    fleet.tiny.say("two")
    fleet.deploy("ship")
    fleet.lose("web1")
    fleet.deploy("ledger", "promote", "web2", "--yes")
    fleet.declare("web2", "web3", first="")
    assert fleet.deploy("run") == "v2"
    assert fleet.differences() == []
    fleet.declare("web4", "web2", "web3", first="web2")  # in front of the others: the promotion says who counts
    assert fleet.deploy("run") == "v2"
    assert fleet.same_ledgers()
    assert fleet.deploy("rollback") == "v1"
    assert fleet.serves() == {"web4": "v1", "web2": "v1", "web3": "v1"}
    assert fleet.differences() == []


def test_a_new_machine_put_first_does_not_make_the_history_vanish(fleet):
    fleet.declare("web1", "web2")
    fleet.deploy("ship")
    fleet.declare("web3", "web1", "web2", first="web1")
    refused = fleet.run("ship")
    assert refused.code == 50
    assert "the ledger that counts is behind a copy of it" in refused.err
    assert fleet.run("release").code == 50
    fleet.deploy("ledger", "promote", "web3", "--yes")
    assert fleet.same_ledgers()
    assert fleet.deploy("run") == "v1"  # what web3 lacks comes from another host
    assert fleet.differences() == []


def test_a_copy_that_lacks_records_takes_them_over_before_it_counts(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        fleet.deploy("release", code=40)
    promoted = fleet.json("ledger", "promote", "web2", "--yes")
    assert promoted["hosts"][1] == {"host": "web2", "missed": 1, "set_aside": None}
    assert fleet.same_ledgers()
    assert [record["kind"] for record in fleet.json("ledger", "show")["records"]] == [
        "release",
        "run",
        "release",
        "primary",
    ]


@pytest.mark.parametrize("ships", [1, 2])
def test_another_history_is_set_aside_only_where_that_is_asked_for(fleet, tmp_path, ships):
    fleet.deploy("ship")
    snapshot(fleet, "web1", tmp_path)
    fleet.tiny.say("kept")
    fleet.deploy("release")  # v2, of which web1 will know nothing
    restore(fleet, "web1", tmp_path)
    with fleet.down("web2", "web3"):
        for number in range(ships):
            fleet.tiny.say(f"other {number}")
            fleet.deploy("ship", "--allow-missing")  # another v2, and a v3
    fork = fleet.ledger("web1")
    refused = fleet.run("ledger", "promote", "web2", "--yes")
    assert refused.code == 50
    assert "--set-aside" in refused.err
    assert fleet.ledger("web1") == fork
    promoted = fleet.json("ledger", "promote", "web2", "--yes", "--set-aside")
    folder = fleet.of("web1") / promoted["hosts"][-1]["set_aside"]
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == fork
    assert fleet.same_ledgers()
    # another v2 than that of the ledger is ended at once; a v3, which the ledger has not, serves until the next run
    assert fleet.serves()["web1"] == ("" if ships == 1 else "v3")
    fleet.deploy("converge")
    assert fleet.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}
    assert fleet.differences() == []
    assert fleet.deploy("run") == "v2"
    assert fleet.get("/").strip() == "kept"
    assert fleet.deploy("release") == f"v{ships + 2}"  # a number that was used is not used again
    assert fleet.differences() == []


def test_a_damaged_ledger_of_the_primary_is_replaced_by_a_copy(fleet):
    fleet.deploy("ship")
    record = fleet.of("web1") / "ledger" / "00000001"
    record.unlink()
    assert fleet.run("run").code == 50
    verified = fleet.json("ledger", "verify", code=50)
    assert verified["compared_with"] == "web2"
    assert verified["hosts"][0]["state"] == "altered"
    assert fleet.run("ledger", "promote", "web1", "--yes", "--set-aside").code == 50  # there is nothing to go on from
    fleet.deploy("ledger", "promote", "web2", "--yes", "--set-aside")
    assert fleet.same_ledgers()
    assert fleet.deploy("run") == "v1"
    assert fleet.differences() == []


def test_who_is_no_host_of_the_target_is_not_promoted(fleet):
    fleet.deploy("ship")
    refused = fleet.run("ledger", "promote", "web9", "--yes")
    assert refused.code == 2
    assert "web1, web2, web3" in refused.err
    with fleet.down("web2"):
        assert fleet.run("ledger", "promote", "web2", "--yes").code == 40
    assert fleet.same_ledgers()
