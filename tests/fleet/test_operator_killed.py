"""The operator is killed at each step of a run on three hosts, and each host knows what to do."""

import pytest

STEPS = {  # where the operator is killed: before its request of this name and number
    "look": "ask.Open:2",
    "send": "ask.PutBuild:2",
    "stage": "ask.Stage:2",
    "release command": "ask.RunReleaseCommand",
    "switch": "ask.Switch:2",
    "confirm": "ask.Append:4",  # the first three are the release's, on each host
    "confirmed on the primary": "ask.Append:5",
    "read back": "ask.Look:2",
}
BEFORE_THE_RELEASE = ("look", "send", "stage")


@pytest.mark.parametrize("step", STEPS)
def test_an_operator_who_is_killed_leaves_every_host_serving_and_the_next_run_makes_them_equal(fleet, step):
    # nobody is waited for here, and so no request is made that only a slow machine makes
    fleet.settings(patience="60s")
    fleet.deploy("run")  # what serves is the newest release, to which a plain run will come back
    served = fleet.answered()
    text = fleet.say()
    with fleet.watch() as watch:
        ended = fleet.run("ship", env={"DEPLOYER_FAULT": STEPS[step]})
        assert ended.code == -9, ended.err
        fleet.undone()
        primary, *others = fleet.answers().values()
    watch.served(only=[served, text])
    if step in ("confirmed on the primary", "read back"):
        assert primary == text, "what is in the primary's ledger stays"
    else:
        assert {primary, *others} == {served}
    fleet.heals()
    assert fleet.answered() == (served if step in BEFORE_THE_RELEASE else text)


@pytest.mark.parametrize("point", ["rehearsal.ended", "current.renamed", "switch.launched", "switch.ready"])
def test_an_operator_who_dies_while_the_hosts_switch_is_missed_by_each_of_them(fleet, point):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch() as watch:
        with fleet.begun("ship", at=("web2", point)) as ship:
            ship.kill()
        fleet.undone()
        assert fleet.answered() == served
        assert fleet.serves() == serving
    watch.served(only=[served, text])
    fleet.heals()
    assert fleet.answered() == text


@pytest.mark.parametrize("point", ["current.renamed", "switch.launched"])
def test_an_agent_that_is_killed_is_undone_by_its_guard_and_the_other_hosts_go_back_too(fleet, point):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch() as watch, fleet.armed("web3", point):
        told = fleet.json("ship", code=30)
    assert {host["host"]: host["ok"] for host in told["error"]["hosts"]} == {"web1": True, "web2": True, "web3": False}
    watch.served(only=[served, text])
    assert fleet.answered() == served
    assert fleet.serves() == serving
    fleet.heals()
    assert fleet.answered() == text
