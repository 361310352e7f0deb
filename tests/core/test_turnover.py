"""Which types go over to their next turn, and where do their processes live then?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.formation import Places, Process, expand
from deployer.core.manifest import ProcessType
from deployer.core.strategy import DRAIN, OVERLAP, ROLLING, STOP_FIRST, strategy
from deployer.core.turnover import EVERYTHING, strategies, turned

WEB = {"web": 5000}


def places(turn=0, *, sockets=()):
    return Places(WEB, {"web": turn} if turn else {}, tuple(sockets))


def turn_of(given_, wanted, present, way=OVERLAP, **more):
    return turned(given_, wanted, present, {"web": way}, bound=more.pop("bound", ["web"]), **more).turns.get("web", 0)


@pytest.mark.parametrize(
    ("kind", "routed", "way"),
    [
        (ProcessType("web", "", binds_port=True), False, ROLLING),
        (ProcessType("web", "", binds_port=True), True, OVERLAP),
        (ProcessType("web", "", binds_port=True, listen="socket"), False, OVERLAP),
        (ProcessType("web", "", binds_port=True, update="overlap"), False, ROLLING),
        (ProcessType("web", "", binds_port=True, update="stop-first"), True, STOP_FIRST),
        (ProcessType("worker", ""), False, ROLLING),
        (ProcessType("worker", "", update="drain"), False, DRAIN),
        (ProcessType("worker", "", update="overlap"), False, OVERLAP),
        (ProcessType("clock", "", once=True), False, STOP_FIRST),
        (ProcessType("clock", "", once=True, update="overlap"), False, STOP_FIRST),
    ],
)
def test_the_strategy_is_what_was_wished_for_as_far_as_it_can_be(kind, routed, way):
    assert strategy(kind, routed=routed) == way


def test_a_type_that_has_more_processes_than_a_range_has_ports_goes_one_by_one():
    kind = {"web": ProcessType("web", "", binds_port=True)}
    assert strategies(kind, {"web": 25}, ["web"]) == {"web": OVERLAP}
    assert strategies(kind, {"web": 26}, ["web"]) == {"web": ROLLING}


def test_the_first_release_is_in_the_first_turn():
    assert turn_of(places(), expand(1, {"web": 2}, places()), []) == 0


def test_the_next_release_has_other_ports():
    old = expand(1, {"web": 2}, places())
    after = turned(places(), expand(2, {"web": 2}, places()), old, {"web": OVERLAP}, bound=["web"])
    assert [p.port for p in expand(2, {"web": 2}, after)] == [5025, 5026]
    assert [p.name for p in expand(2, {"web": 2}, after)] == ["web.1", "web.2"]


def test_a_range_of_which_somebody_holds_a_port_is_left_out():
    old = expand(1, {"web": 2}, places())
    new = expand(2, {"web": 2}, places())
    assert turn_of(places(), new, old, free=lambda port: port not in (5026, 5050)) == 3


def test_scaling_moves_nobody():
    old = expand(1, {"web": 2}, places(1))
    assert turn_of(places(1), expand(1, {"web": 3}, places(1)), old) == 1


def test_a_restart_of_all_moves_all_and_of_one_nobody():
    old = expand(1, {"web": 2}, places())
    assert turn_of(places(), old, old, again=[EVERYTHING]) == 1
    assert turn_of(places(), old, old, again=["web.1", "web.2"]) == 1
    assert turn_of(places(), old, old, again=["web.1"]) == 0


def test_a_release_that_comes_again_avoids_its_own_processes_that_are_ending_still():
    ending, serving = expand(1, {"web": 1}, places(0)), expand(2, {"web": 1}, places(1))
    assert turn_of(places(1), expand(1, {"web": 1}, places(1)), [*ending, *serving], ending=ending) == 2
    assert turn_of(places(0), ending, [*ending, *serving], ending=ending) == 2


def test_processes_that_share_a_socket_keep_their_port_and_change_their_numbers():
    shared = places(sockets=["web"])
    old = expand(1, {"web": 2}, shared)
    after = turned(shared, old, old, {"web": OVERLAP}, again=[EVERYTHING], bound=[])
    new = expand(1, {"web": 2}, after)
    assert {p.port for p in [*old, *new]} == {5000}
    assert not {p.number for p in old} & {p.number for p in new}


def test_a_type_that_is_replaced_one_by_one_goes_back_to_its_first_ports():
    old = expand(1, {"web": 2}, places(3))
    assert turn_of(places(3), expand(2, {"web": 2}, places(3)), old, ROLLING) == 0


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), max_size=8), st.integers(1, 3), st.integers(1, 25))
def test_no_two_processes_are_ever_in_one_place(living, release, count):
    present = [Process(r, "web", places(t).process(r, "web", 1).number, places(t).process(r, "web", 1).port)
               for r, t in living]  # fmt: skip
    held = {p.port for p in present}
    after = turned(
        places(), expand(release, {"web": count}, places()), present, {"web": OVERLAP},
        again=[EVERYTHING], bound=["web"], free=lambda port: port not in held,
    )  # fmt: skip
    new = expand(release, {"web": count}, after)
    if present and len({t % 4 for _, t in living}) < 4:
        assert not {p.port for p in new} & held
        assert not set(new) & set(present)
