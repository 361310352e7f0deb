"""What the ledger tells of a type that the whole target has one process of at most."""

from deployer.core.ledger import MOVE, RESTORED, SUCCEEDED, Ledger
from deployer.stages import holders
from tests.core.test_ledger import with_release


def ledger(*runs):
    """The ledger of these runs: what each host has (its clocks), and whether it was stopped, a move or in vain."""
    known = with_release(Ledger([]))
    for number, (hosts, *how) in enumerate(runs):
        body = {
            "release": 1,
            "cause": MOVE if MOVE in how else "run",
            "outcome": RESTORED if RESTORED in how else SUCCEEDED,
            "previous": None,
            "formation": {"clock": 1},
            "stopped": "stopped" in how,
            "by": "ann",
            "at": "2026-01-01T00:00:00Z",
            "attempt": f"{number}",
            "hosts": {host: {"clock": count} for host, count in hosts.items()},
            "whole": MOVE not in how,
        }
        known = known.with_(known.next("run", body))
    return known


def test_a_host_has_what_its_newest_run_that_succeeded_gave_it():
    assert holders.having(ledger(), "clock") == []
    assert holders.having(ledger(({"a": 1, "b": 0},)), "clock") == ["a"]
    assert holders.having(ledger(({"a": 1},), ({"b": 1},)), "clock") == ["b", "a"]
    assert holders.having(ledger(({"a": 1},), ({"a": 0},)), "clock") == []
    assert holders.having(ledger(({"a": 1},), ({"a": 0}, RESTORED)), "clock") == ["a"]
    assert holders.having(ledger(({"a": 1},), ({"a": 1}, "stopped")), "clock") == []
    assert holders.having(ledger(({"a": 1},)), "report") == []


def test_what_was_given_up_is_in_doubt_until_another_host_has_it():
    given_up = [({"a": 1, "b": 0},), ({"a": 0}, MOVE)]
    assert holders.doubtful(ledger(*given_up), "clock") == ["a"]
    assert holders.doubtful(ledger(*given_up, ({"a": 0, "b": 1}, RESTORED)), "clock") == ["a"]
    assert holders.doubtful(ledger(*given_up, ({"b": 1},)), "clock") == []
    assert holders.doubtful(ledger(*given_up, ({"a": 0, "b": 1},)), "clock") == []
    assert holders.doubtful(ledger(*given_up, ({"a": 1},)), "clock") == []  # it has it: that is no doubt
    assert holders.doubtful(ledger(({"a": 1},), ({"a": 1}, "stopped")), "clock") == ["a"]


def test_what_was_stopped_is_remembered_but_not_had():
    stopped = ledger(({"a": 0, "b": 1},), ({"a": 0, "b": 1}, "stopped"))
    assert holders.resting(stopped, "clock") == ["b"]
    assert holders.having(stopped, "clock") == []


def test_a_move_alone_leaves_it_without_a_host():
    assert holders.homeless(ledger(({"a": 1},), ({"a": 0}, MOVE)), ["clock"]) == ["clock"]
    assert holders.homeless(ledger(({"a": 1},), ({"a": 0}, MOVE), ({"a": 0, "b": 1},)), ["clock"]) == []
    assert holders.homeless(ledger(({"a": 1},), ({"a": 1}, "stopped")), ["clock"]) == []


def test_a_move_is_never_the_run_that_is_current():
    known = ledger(({"a": 1},), ({"a": 0}, MOVE))
    assert known.current_run.cause == "run"
    assert known.run_of("a").cause == MOVE
