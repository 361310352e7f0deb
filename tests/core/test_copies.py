"""A copy of the ledger is it, its beginning, its continuation, or something that is told apart from all of these."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import copies
from deployer.core.copies import AHEAD, ALTERED, BEHIND, FORKED, SAME, Copy, standing
from deployer.core.errors import Drift
from deployer.core.ledger import Ledger, Record

from .test_ledger import histories, lines, with_release, with_run


def promoted(ledger, host, **more):
    return ledger.with_(ledger.next("primary", {"host": host, "by": "ann", "at": "2026-01-01T00:00:00Z", **more}))


@given(histories(), st.data())
def test_a_beginning_is_behind_by_what_it_lacks(ledger, data):
    count = data.draw(st.integers(0, len(ledger.records)))
    found = standing(ledger, Copy(lines(ledger)[:count]))
    assert (found.state, found.records, found.fits) == (
        SAME if count == len(ledger.records) else BEHIND,
        count,
        True,
    )


@given(histories(least=1).filter(lambda ledger: ledger.records), st.data())
def test_a_continuation_is_ahead(ledger, data):
    count = data.draw(st.integers(0, len(ledger.records) - 1))
    beginning = Ledger(ledger.records[:count])
    found = standing(beginning, Copy(lines(ledger)))
    assert (found.state, found.at, found.fits) == (AHEAD, count + 1, False)
    assert found.here == ledger.records[count].digest


@given(histories(), histories(), histories())
def test_two_histories_part_at_the_first_record_that_differs(common, one, other):
    ours = promoted(common, "web1")
    theirs = promoted(common, "web2")
    for _ in range(len(one.records)):
        ours = with_release(ours)
    for _ in range(len(other.records)):
        theirs = with_release(theirs)
    found = standing(ours, Copy(lines(theirs)))
    at = len(common.records)
    assert (found.state, found.at) == (FORKED, at + 1)
    assert (found.here, found.counts) == (theirs.records[at].digest, ours.records[at].digest)


@given(histories(least=1).filter(lambda ledger: ledger.records), st.data())
def test_a_record_that_was_altered_is_named(ledger, data):
    index = data.draw(st.integers(0, len(ledger.records) - 1))
    damaged = lines(ledger)
    damaged[index] = damaged[index].replace(b"ann", b"bob")
    found = standing(ledger, Copy(damaged, damage="record does not fit"))
    assert (found.state, found.at) == (ALTERED, index + 1)
    assert found.here != found.counts == ledger.records[index].digest


def test_a_ledger_that_was_cut_short_is_altered_and_not_behind():
    ledger = with_run(with_release(Ledger([])), 1)
    found = standing(ledger, Copy(lines(ledger)[:1], damage="it ends at record 1, but record 2 was seen here"))
    assert (found.state, found.at, found.here, found.counts) == (ALTERED, 2, "", ledger.records[1].digest)


def test_a_promotion_takes_over_what_goes_on_from_the_copy_and_nothing_else():
    ledger = with_run(with_release(Ledger([])), 1)
    longer = with_release(ledger)
    other = promoted(ledger, "web9")
    of = {"web1": Copy(lines(ledger)), "web2": Copy(lines(longer)), "web3": Copy(lines(with_release(longer)), "cut")}
    assert copies.longest(of, "web1") == "web2"
    assert copies.longest({"web1": Copy(lines(longer)), "web2": Copy(lines(other))}, "web1") == "web1"


def test_a_number_that_a_history_set_aside_had_used_is_never_given_again():
    ledger = promoted(with_release(Ledger([])), "web2", above=7)
    assert Ledger.read(lines(ledger)).next_version == 8
    grown = with_release(ledger)
    assert set(Ledger.read(lines(grown)).releases) == {1, 8}


def test_the_highest_number_is_found_in_records_that_do_not_fit_together_too():
    three = lines(with_release(with_release(with_release(Ledger([])))))
    assert copies.highest_release(Copy([three[0], b"garbage", three[2]], "gap")) == 3


def test_a_run_of_a_number_that_was_skipped_does_not_fit():
    ledger = promoted(with_release(Ledger([])), "web2", above=7)
    run = with_run(ledger, 1).records[-1]
    damaged = Record(run.seq, run.prev, run.kind, {**run.body, "release": 5})
    with pytest.raises(Drift, match="record 00000003 does not fit"):
        Ledger.read([*lines(ledger), damaged.render()])
