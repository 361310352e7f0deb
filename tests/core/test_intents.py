"""When is a relative command that was cut off found again, and when is the same command a new one?"""

import pytest

from deployer.core.intents import Intent, reached
from deployer.core.ledger import MOVE, RESTORED, SUCCEEDED, Ledger

from .test_ledger import with_release, with_run


@pytest.fixture
def ledger():
    """Three releases that served."""
    known = Ledger([])
    for build in "abc":
        known = with_release(known, build * 64)
        known = with_run(known, known.newest, SUCCEEDED, "ship")
    return known


def asked(ledger, cause="rollback"):
    return Intent("rollback", cause, ledger.current, ledger.head[0])


def test_before_its_run_has_succeeded_there_is_nothing_to_finish(ledger):
    intent = asked(ledger)
    assert not reached(intent, ledger)
    assert not reached(intent, with_run(ledger, 2, RESTORED, "rollback"))


def test_after_it_the_same_command_finishes(ledger):
    intent = asked(ledger)
    assert reached(intent, with_run(ledger, 2, SUCCEEDED, "rollback"))
    moved = with_run(with_run(ledger, 2, SUCCEEDED, MOVE), 2, SUCCEEDED, "rollback")
    assert reached(intent, moved)


def test_a_rollback_that_made_a_release_is_found_too(ledger):
    made = with_release(ledger, "b" * 64, cause="rollback")
    assert reached(asked(ledger), with_run(made, made.newest, SUCCEEDED, "rollback"))


@pytest.mark.parametrize("cause", ["run", "ship", "restart", "scale", "config"])
def test_whatever_else_ran_since_makes_it_a_new_one(ledger, cause):
    intent = asked(ledger)
    assert not reached(intent, with_run(with_run(ledger, 2, SUCCEEDED, "rollback"), 2, SUCCEEDED, cause))
    assert not reached(intent, with_run(with_run(ledger, 2, RESTORED, cause), 2, SUCCEEDED, "rollback"))


def test_a_run_for_some_hosts_has_not_changed_what_the_target_goes_back_from(ledger):
    some = ledger.with_(ledger.next("run", {**ledger.records[-1].body, "cause": "rollback", "whole": False}))
    assert not reached(asked(ledger), some)
