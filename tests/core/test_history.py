"""What a bare rollback chooses, and what a prune keeps, whatever was released and run before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import history
from deployer.core.errors import NotFound, ReleaseRefused
from deployer.core.ledger import BROUGHT_UP, FAILED, MIXED, RESTORED, SUCCEEDED, Ledger

from .test_ledger import histories, with_release, with_run

CRASHED = st.dictionaries(st.integers(1, 14), st.just("web.1 kept crashing"), max_size=3)


def shipped(*builds, ledger=None, config="c" * 64):
    """A ledger with a release of each build, each of which served after the one before it; `!a` failed."""
    ledger = ledger or Ledger([])
    for name in builds:
        ledger = with_release(ledger, name.lstrip("!") * 64, config)
        ledger = with_run(ledger, ledger.newest, RESTORED if name.startswith("!") else SUCCEEDED, "ship")
    return ledger


def back(ledger, to=None, **more):
    """The ledger after `deploy rollback`, and the release that it chose."""
    choice = history.rollback_target(ledger, to, **more)
    return with_run(ledger, choice.release.version, cause="rollback"), choice.release.version


def walked(ledger, crashed=history.NOTHING):
    """The releases that bare rollbacks choose, one after the other, until there is nothing left."""
    chosen = []
    while True:
        try:
            ledger, version = back(ledger, crashed=crashed)
        except NotFound:
            return chosen
        chosen.append(version)


def skipped(ledger, **more):
    return {one.version: one.why for one in history.rollback_target(ledger, None, **more).skipped}


@given(histories(), CRASHED)
def test_a_bare_rollback_goes_to_an_earlier_release_that_served_and_is_another_one(ledger, crashed):
    try:
        choice = history.rollback_target(ledger, None, crashed=crashed)
    except NotFound:
        return
    chosen, current = choice.release, ledger.releases[ledger.current]
    assert chosen.version < current.version
    assert ledger.succeeded(chosen.version)
    assert chosen.version not in crashed
    assert (chosen.build, chosen.config) != (current.build, current.config)
    attempts = [run for run in ledger.runs if run.release == chosen.version and run.cause in BROUGHT_UP]
    assert not attempts or attempts[-1].outcome == SUCCEEDED
    between = [version for version in ledger.releases if chosen.version < version < current.version]
    assert [one.version for one in choice.skipped] == sorted(between, reverse=True)
    assert all(one.why for one in choice.skipped)


@given(histories(), CRASHED)
def test_repeated_bare_rollbacks_walk_back_and_never_choose_a_release_twice(ledger, crashed):
    chosen = walked(ledger, crashed)
    assert chosen == sorted(set(chosen), reverse=True)
    against = history.unfit(ledger, crashed)
    assert not set(chosen) & set(against)


@given(histories(), CRASHED)
def test_nothing_that_is_fit_is_left_out_of_the_walk_unless_it_equals_its_neighbour(ledger, crashed):
    if ledger.current is None:
        return
    chosen = [ledger.current, *walked(ledger, crashed)]
    for version in set(ledger.releases) - set(history.unfit(ledger, crashed)) - set(chosen):
        later = [one for one in chosen if one > version]
        assert not later or history.same(ledger.releases[later[-1]], ledger.releases[version])


@given(histories(), st.integers(1, 6), st.sets(st.integers(1, 14)), CRASHED)
def test_a_prune_leaves_the_newest_that_are_fit_and_all_that_something_depends_on(ledger, keep, running, crashed):
    stay = history.kept(ledger, keep, running, crashed)
    against = history.unfit(ledger, crashed)
    fit = [version for version in sorted(ledger.releases, reverse=True) if version not in against]
    assert stay <= set(ledger.releases)
    assert running & set(ledger.releases) <= stay
    assert set(fit[:keep]) <= stay
    assert {ledger.current, ledger.config_base} - {None} <= stay
    assert set(walked(ledger, crashed)[: keep - 1]) <= stay
    assert len(stay) <= 2 * keep + history.APART + len(running) + 3


@given(histories(), st.integers(1, 6), CRASHED)
def test_what_failed_or_never_ran_pushes_out_nothing_that_served(ledger, keep, crashed):
    tried = ledger
    for number in range(6):
        tried = with_release(tried, f"{number}" * 64)
        tried = with_run(tried, tried.newest, FAILED) if number % 2 else tried
    fit = sorted(set(ledger.releases) - set(history.unfit(ledger, crashed)))
    assert set(fit[-keep:]) <= history.kept(tried, keep, (), crashed)


@given(histories(), CRASHED)
def test_what_a_bare_rollback_would_choose_is_kept_however_few_are(ledger, crashed):
    try:
        chosen = history.rollback_target(ledger, None, crashed=crashed).release.version
    except NotFound:
        return
    assert chosen in history.kept(ledger, 1, (), crashed)


@given(histories(), CRASHED)
def test_a_prune_has_a_reason_for_everything_that_it_removes(ledger, crashed):
    gone = set(ledger.releases) - history.kept(ledger, 1, (), crashed)
    assert all(history.why_pruned(ledger, gone, 1, crashed).values())


def test_any_number_of_config_changes_leaves_the_code_to_go_back_to():
    ledger = shipped("a", "b")
    for number in range(9):
        ledger = shipped("b", ledger=ledger, config=f"{number}" * 64)
    assert {1, 2, *range(7, 12)} - {2} <= history.kept(ledger, 5, ())
    ledger = shipped("c", ledger=ledger)
    stay = history.kept(ledger, 3, ())
    assert any(ledger.releases[version].build == "a" * 64 for version in stay)


def test_what_was_rolled_back_from_is_not_chosen_until_it_is_run_again():
    ledger, _ = back(shipped("a", "b"))
    ledger = shipped("c", ledger=ledger)
    assert skipped(ledger) == {2: history.LEFT}
    assert back(ledger)[1] == 1
    again = shipped("d", ledger=with_run(ledger, 2))
    assert back(again)[1] == 2


def test_to_run_an_earlier_release_by_name_is_to_go_back_too():
    ledger = shipped("c", ledger=with_run(shipped("a", "b"), 1))
    assert skipped(ledger) == {2: history.LEFT}


def test_a_rollback_over_several_does_not_lead_back_to_what_it_went_past():
    ledger, _ = back(shipped("a", "b", "c"), 1)
    ledger = shipped("d", ledger=ledger)
    assert history.rollback_target(ledger, None).release.version == 1
    assert skipped(ledger) == {3: history.LEFT, 2: history.PASSED}


def test_a_rollback_that_is_undone_was_never_made():
    ledger, _ = back(shipped("a", "b", "c"), 1)
    for undone in (with_run(ledger, 3), back(ledger, 3)[0]):
        assert walked(undone) == [2, 1]


def test_a_rollback_with_todays_config_leaves_the_release_before_it_too():
    ledger = with_release(shipped("a", "b"), "a" * 64, cause="rollback")
    ledger = with_run(ledger, 3, cause="rollback")
    assert history.unfit(ledger) == {2: history.LEFT}


def test_the_same_build_and_config_is_no_way_back():
    ledger = shipped("a", "b", "b")
    assert skipped(ledger) == {2: "the same build and config as v3"}
    assert back(ledger)[1] == 1


def test_where_todays_config_stays_another_config_alone_is_no_way_back():
    ledger = shipped("b", ledger=shipped("a", "b"), config="d" * 64)
    assert history.rollback_target(ledger, None).release.version == 2
    choice = history.rollback_target(ledger, None, code_only=True)
    assert (choice.release.version, history.told(choice.skipped)) == (1, "v2 (the same build as v3)")


def test_another_formation_of_the_same_build_and_config_is_one():
    ledger = Ledger([])
    for settings in ("1", "2"):
        ledger = with_release(ledger, settings=settings)
        ledger = with_run(ledger, ledger.newest)
    assert back(ledger)[1] == 1


def test_a_release_that_served_and_failed_since_is_skipped_unless_its_host_was_lost():
    ledger = with_run(shipped("a", "b", "c"), 2, RESTORED, "rollback", failure="run-failed")
    assert skipped(ledger) == {2: history.FAILS_NOW}
    ledger = with_run(shipped("a", "b", "c"), 2, MIXED, "rollback", failure="host-unreachable")
    assert history.rollback_target(ledger, None).release.version == 2
    old = with_run(shipped("a", "b", "c"), 2, RESTORED, "rollback")  # a record from before says nothing of it
    assert history.rollback_target(old, None).release.version == 1


def test_a_release_that_keeps_crashing_is_skipped_and_named_all_the_same():
    ledger, crashed = shipped("a", "b", "c"), {2: "web.1 kept crashing"}
    assert skipped(ledger, crashed=crashed) == crashed
    assert history.rollback_target(ledger, 2, crashed=crashed).release.version == 2


def test_what_some_hosts_tried_and_gave_up_is_not_chosen_for_all():
    ledger = shipped("a", "b")
    ledger = with_run(ledger, 2, hosts={"web1": {}, "web2": {}})
    ledger = with_run(ledger, 1, cause="rollback", hosts={"web1": {}}, whole=False)
    ledger = with_run(with_release(ledger, "c" * 64), 3, hosts={"web1": {}, "web2": {}})
    assert skipped(ledger) == {2: history.LEFT}


def test_what_was_pruned_is_told_only_where_it_could_have_been_chosen():
    ledger = shipped("a", "!b", "c", "d")
    assert skipped(ledger, present={1, 4}) == {3: history.PRUNED}


def test_where_nothing_is_left_it_says_why_and_what_can_be_named():
    ledger = shipped("!a", "b")
    with pytest.raises(NotFound, match=r"v1 \(it failed\)") as caught:
        history.rollback_target(ledger, None)
    assert "deploy rollback v1" in caught.value.hint
    assert caught.value.details == {"skipped": [{"release": "v1", "why": history.FAILED_ONCE}]}
    with pytest.raises(NotFound, match="there is no release before v1"):
        history.rollback_target(shipped("a"), None)
    with pytest.raises(NotFound, match="nothing runs here yet"):
        history.rollback_target(Ledger([]), None)


def test_reasons_are_told_together():
    ledger = shipped("a", "!b", "!c", "d")
    assert history.told(history.rollback_target(ledger, None).skipped) == "v3, v2 (it failed)"


def test_expect_refuses_what_somebody_else_made_meanwhile():
    ledger = with_release(with_release(Ledger([])))
    history.expect(ledger, 2)
    history.expect(ledger, None)
    with pytest.raises(ReleaseRefused, match="the newest release is v2, not v1"):
        history.expect(ledger, 1)


def test_a_rollback_that_is_bound_to_what_it_saw_is_refused_the_second_time():
    ledger = shipped("a", "b")
    history.expect_current(ledger, 2)
    ledger, _ = back(ledger)
    with pytest.raises(ReleaseRefused, match="v1 is current, not v2"):
        history.expect_current(ledger, 2)
    with pytest.raises(ReleaseRefused, match="nothing is current"):
        history.expect_current(Ledger([]), 1)
