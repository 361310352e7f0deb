"""The ledger shows every change of its past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.errors import Drift, NotFound
from deployer.core.ledger import BROUGHT_UP, FAILED, MIXED, RESTORED, SUCCEEDED, Ledger

OUTCOMES = st.sampled_from([SUCCEEDED, SUCCEEDED, RESTORED, MIXED, FAILED])
CAUSES = st.sampled_from([*BROUGHT_UP, "scale", "stop", "start"])


def with_release(ledger, build="b" * 64, config="c" * 64, **more):
    body = {
        "version": ledger.next_version,
        "build": build,
        "config": config,
        "spec": "d" * 64,
        "commit": "e" * 40,
        "by": "ann",
        "at": "2026-01-01T00:00:00Z",
        "cause": "release",
        **more,
    }
    return ledger.with_(ledger.next("release", body))


def with_run(ledger, release, outcome=SUCCEEDED, cause="run", **more):
    body = {
        "release": release,
        "cause": cause,
        "outcome": outcome,
        "previous": ledger.current,
        "formation": {"web": 1},
        "stopped": False,
        "by": "ann",
        "at": "2026-01-01T00:00:00Z",
        "attempt": "f" * 16,
        **more,
    }
    return ledger.with_(ledger.next("run", body))


@st.composite
def histories(draw, least=0):
    """Ledgers as they grow: releases, and runs of any of them that end in any way."""
    ledger = Ledger([])
    for _ in range(draw(st.integers(least, 14))):
        if not ledger.newest or draw(st.booleans()):
            build, config = draw(st.sampled_from(["a" * 64, "ab" * 32, "c" * 64])), draw(st.sampled_from(["1", "2"]))
            ledger = with_release(ledger, build, config)
        else:
            cause = draw(CAUSES)
            version = draw(st.integers(1, ledger.newest)) if cause in BROUGHT_UP else ledger.current or 1
            ledger = with_run(ledger, version, draw(OUTCOMES), cause)
    return ledger


def lines(ledger):
    return [record.render() for record in ledger.records]


@given(histories())
def test_what_is_written_is_read_back(ledger):
    found = Ledger.read(lines(ledger))
    assert found.records == ledger.records
    assert found.releases == ledger.releases
    assert found.runs == ledger.runs
    assert found.head == ledger.head


def is_found(ledger, changed):
    """A change shows at once, or in the head, which every host remembers."""
    try:
        return Ledger.read(changed).head != ledger.head
    except Drift:
        return True


@given(histories(least=1), st.integers(0), st.integers(0), st.integers(1, 255))
def test_any_byte_that_changes_is_found(ledger, which, where, flip):
    changed = lines(ledger)
    line = bytearray(changed[which % len(changed)])
    line[where % len(line)] ^= flip
    changed[which % len(changed)] = bytes(line)
    assert is_found(ledger, changed)


@given(histories(least=2), st.integers(0), st.integers(0), st.integers(1, 255))
def test_a_byte_that_changes_below_the_head_is_found_without_any_memory(ledger, which, where, flip):
    changed = lines(ledger)
    line = bytearray(changed[which % (len(changed) - 1)])
    line[where % len(line)] ^= flip
    changed[which % (len(changed) - 1)] = bytes(line)
    with pytest.raises(Drift):
        Ledger.read(changed)


@given(histories(least=2), st.randoms())
def test_any_other_order_is_found(ledger, random):
    changed = lines(ledger)
    random.shuffle(changed)
    assert changed == lines(ledger) or is_found(ledger, changed)


@given(histories(least=1), st.integers(0))
def test_a_line_that_is_missing_or_stands_twice_is_found(ledger, which):
    original = lines(ledger)
    at = which % len(original)
    assert is_found(ledger, original[:at] + original[at + 1 :])
    assert is_found(ledger, original[: at + 1] + original[at:])


@given(histories(), st.binary(max_size=50))
def test_rubbish_at_the_end_is_found(ledger, rubbish):
    with pytest.raises(Drift, match="record"):
        Ledger.read([*lines(ledger), rubbish])


def test_a_record_from_another_ledger_does_not_fit():
    one = with_release(Ledger([]), "a" * 64)
    other = with_run(with_release(Ledger([]), "b" * 64), 1)
    with pytest.raises(Drift, match="record 00000002"):
        Ledger.read([*lines(one), lines(other)[1]])


def test_a_number_is_never_used_again():
    ledger = with_run(with_release(with_release(Ledger([]))), 2, FAILED)
    assert ledger.next_version == 3
    ledger = with_release(ledger)
    assert sorted(ledger.releases) == [1, 2, 3]


@given(histories())
def test_current_is_the_newest_run_that_succeeded(ledger):
    succeeded = [run.release for run in ledger.runs if run.outcome == SUCCEEDED]
    assert ledger.current == (succeeded[-1] if succeeded else None)


def test_what_was_rolled_back_does_not_come_back_with_the_next_release():
    ledger = with_run(with_release(Ledger([])), 1)
    ledger = with_run(with_release(ledger), 2)
    assert ledger.config_base == 2
    ledger = with_run(ledger, 1, cause="rollback")
    assert ledger.config_base == 1
    assert with_release(ledger).config_base == 3


def test_a_run_that_failed_or_a_restart_leaves_the_config_base():
    ledger = with_release(with_run(with_release(Ledger([])), 1))
    assert with_run(ledger, 1, FAILED).config_base == 2
    assert with_run(ledger, 1, SUCCEEDED, "scale").config_base == 2


def test_a_release_is_found_by_number_or_by_its_build():
    ledger = with_release(with_release(with_release(Ledger([]), "abcd" + "0" * 60), "abce" + "0" * 60), "1" * 64)
    assert ledger.find("v2").version == ledger.find("2").version == ledger.find("abce").version == 2
    assert ledger.find("1111").version == 3
    for text in ("v9", "9", "abc", "zzzz", "", "abcd1"):
        with pytest.raises(NotFound):
            ledger.find(text)


def test_the_beginning_of_two_builds_names_none():
    ledger = with_release(with_release(Ledger([]), "abcd0" + "0" * 59), "abcd1" + "0" * 59)
    with pytest.raises(NotFound, match="2 builds"):
        ledger.find("abcd")


def test_the_newest_release_of_a_build_is_meant():
    ledger = with_release(with_release(Ledger([]), "ab" * 32), "ab" * 32)
    assert ledger.find("abab").version == 2
