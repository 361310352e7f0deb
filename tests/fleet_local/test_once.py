"""Of a type that says `once` the target has one process at most: also while hosts change, also after a failure."""

import pytest

from tests.e2e.conftest import port  # noqa: F401 - a fixture

from .clocks import ClockFleet


@pytest.fixture
def fleet(tmp_path, port):  # noqa: F811
    """Three hosts, of which each may run the clock; nothing is deployed yet."""
    with ClockFleet(tmp_path, port=port) as one:
        yield one


def test_it_stays_where_it_is_whatever_is_done_to_the_target(fleet):
    fleet.deploy("ship")
    fleet.one("web1", "v1")
    rows = [(row["host"], row["process"]) for row in fleet.json("ps")["processes"]]
    assert rows.count(("web1", "clock.1")) == 1
    assert [host for host, process in rows if process == "clock.1"] == ["web1"]
    fleet.clocks("web2", "web3")
    fleet.deploy("run")
    fleet.one("web2", "v1")
    fleet.clocks()  # web1 may again, but web2 has it
    fleet.tiny.say("two")
    for words, release in (
        (["ship"], "v2"),
        (["rollback"], "v1"),
        (["restart"], "v1"),
        (["restart", "clock"], "v1"),
        (["scale", "worker=2"], "v1"),
        (["run", "v2"], "v2"),
        (["stop"], ""),
        (["start"], "v2"),
        (["run", "--hosts", "web3"], "v2"),
        (["restart", "--hosts", "web1,web2"], "v2"),
        (["converge"], "v2"),
    ):
        fleet.deploy(*words)
        if release:
            fleet.one("web2", release)
        else:
            assert fleet.beating() == []


def test_there_cannot_be_two_by_scaling(fleet):
    fleet.deploy("ship")
    told = fleet.json("scale", "clock=2", code=2)
    assert "clock may have one process in the whole target, not 2" in told["error"]["message"]
    fleet.deploy("scale", "clock=0")
    assert fleet.beating() == []
    fleet.deploy("scale", "clock+1", "worker=2")
    fleet.one("web1", "v1")


def test_it_moves_where_it_may_no_longer_stay_and_back(fleet):
    fleet.clocks("web2")
    fleet.deploy("ship")
    fleet.one("web2", "v1")
    fleet.clocks("web3")
    told = fleet.run("run")
    assert (told.code, "clock to web3" in told.err) == (0, True)
    fleet.one("web3", "v1")
    causes = [run["cause"] for run in fleet.json("show", "v1")["runs"]]
    assert causes == ["ship", "move", "run"]
    fleet.clocks("web1")
    fleet.deploy("converge")
    fleet.one("web1", "v1")
    fleet.clocks("web2", "web3")
    fleet.tiny.say("two")
    fleet.deploy("ship")
    fleet.one("web2", "v2")
    fleet.clocks("web3")
    fleet.deploy("rollback")
    fleet.one("web3", "v1")


def test_a_release_that_fails_in_the_middle_of_a_move_leaves_it_where_it_was(fleet):
    fleet.clocks("web2")
    fleet.deploy("ship")
    fleet.clocks("web3")
    fleet.end_as("crash")
    fleet.deploy("ship", code=30)
    fleet.one("web2", "v1")
    assert fleet.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}
    fleet.end_as("promptly")
    fleet.deploy("ship")
    fleet.one("web3", "v3")


@pytest.mark.parametrize("update", ["", "update: drain, "])
def test_a_type_that_ran_on_every_host_becomes_one(fleet, update):
    fleet.clocks(clock=update)
    fleet.end_as("slow 1", locks=False)
    fleet.deploy("ship")
    assert fleet.beating() == [("web1", "v1"), ("web2", "v1"), ("web3", "v1")]
    fleet.clocks(clock="once: true, ")
    fleet.end_as("crash")
    fleet.deploy("ship", code=30)
    assert fleet.beating() == [("web1", "v1"), ("web2", "v1"), ("web3", "v1")]
    fleet.end_as("promptly")
    fleet.deploy("ship")
    fleet.one("web1", "v3")
    first = next(float(at) for _, release, at in fleet.lines("beats") if release == "v3")
    assert max(float(at) for _, release, at in fleet.lines("beats") if release == "v1") < first


def test_going_back_to_a_release_that_lets_it_drain_is_after_its_end(fleet):
    fleet.clocks("web2", clock="update: drain, ")
    fleet.end_as("slow 1")
    fleet.deploy("ship")
    fleet.clocks("web2", clock="once: true, ")
    fleet.deploy("ship")
    fleet.one("web2", "v2")
    fleet.deploy("rollback")
    fleet.one("web2", "v1")
    fleet.end_as("crash")
    fleet.deploy("ship", code=30)
    fleet.one("web2", "v1")


def test_where_its_host_cannot_be_reached_nobody_else_starts_it(fleet):
    fleet.clocks("web2")
    fleet.deploy("ship")
    fleet.clocks()
    fleet.tiny.say("two")
    with fleet.down("web2"):
        told = fleet.run("ship", "--allow-missing")
        assert told.code == 0, told.err
        assert "web2: clock may have one process in the whole target, and this host may have it" in told.err
        assert fleet.beating() == [("web2", "v1")]
        fleet.deploy("restart", "--allow-missing")
        fleet.deploy("converge", "--allow-missing")
        fleet.deploy("stop", "--allow-missing")
        fleet.deploy("start", "--allow-missing")
        assert fleet.beating() == [("web2", "v1")]
    fleet.deploy("converge")
    fleet.one("web2", "v2")


def test_a_host_that_is_none_of_the_target_any_more_has_to_be_given_up_expressly(fleet):
    fleet.clocks("web3")
    fleet.deploy("ship")
    fleet.able = ()
    fleet.declare("web1", "web2")
    fleet.tiny.say("two")
    told = fleet.json("ship", code=30)
    assert "clock may have one process in the whole target, and web3" in told["error"]["message"]
    assert "--allow-missing" in told["error"]["hint"]
    fleet.deploy("stop")
    fleet.deploy("start", code=30)
    fleet.lose("web3")
    fleet.deploy("run", "--allow-missing")
    fleet.one("web1", "v2")
    fleet.deploy("restart")  # it was given up for good
    fleet.one("web1", "v2")


def test_a_host_that_has_another_name_now_still_has_it(fleet):
    fleet.clocks("web2")
    fleet.deploy("ship")
    fleet.able = ()
    fleet.rename("web2", "jobs")
    fleet.deploy("run")
    assert fleet.beating() == [("web2", "v1")]  # its folder keeps the name
    assert fleet.lines("violations") == []
    assert "clock.1" in fleet.runs("jobs")
    assert fleet.differences() == []


def test_a_command_for_some_hosts_leaves_it_to_the_one_that_has_it(fleet):
    fleet.clocks("web2")
    fleet.deploy("ship")
    fleet.clocks()
    fleet.tiny.say("two")
    fleet.deploy("ship", "--hosts", "web3")
    assert fleet.beating() == [("web2", "v1")]
    fleet.deploy("run", "--hosts", "web1")
    assert fleet.beating() == [("web2", "v1")]
    fleet.deploy("run")
    fleet.one("web2", "v2")


def test_where_nobody_has_it_one_that_is_not_asked_is_given_the_time_to_undo_what_was_cut_off(fleet):
    told = fleet.run("ship", "--hosts", "web1,web3")
    assert told.code == 0, told.err
    assert "waiting 9 s, in which web2 would end a clock" in told.err  # confirm_timeout and stop_timeout
    assert fleet.beating() == [("web1", "v1")]
    assert "waiting" not in fleet.run("run").err
    fleet.one("web1", "v1")


@pytest.mark.parametrize("how", ["slow 3", "ignore"])
def test_one_that_takes_its_time_to_stop_is_waited_for(fleet, how):
    fleet.clocks("web1", patience="4s" if how == "slow 3" else "2s")
    fleet.end_as(how)
    fleet.deploy("ship")
    fleet.tiny.say("two")
    fleet.deploy("ship")
    fleet.one("web1", "v2")
    fleet.clocks("web2")
    fleet.deploy("run")
    fleet.one("web2", "v2")
    fleet.deploy("restart", "clock")
    fleet.deploy("rollback")
    fleet.one("web2", "v1")
