"""A formation changes only as it was asked to, and ports stay where they are."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deployer.core import formation
from deployer.core.errors import NotFound, UsageError
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType

NAMES = st.sampled_from(["web", "worker", "clock", "api", "mail", "feed", "cron"])
COUNTS = st.dictionaries(NAMES, st.integers(0, 9), max_size=5)


def types(*names, **ports):
    return [ProcessType(name, "x", port=ports.get(name, 0)) for name in names]


def anywhere(base):
    return True


@st.composite
def lists_of_types(draw):
    names = draw(st.lists(NAMES, unique=True, min_size=1))
    ports = draw(st.lists(st.integers(1024, 7000), unique=True, min_size=len(names), max_size=len(names)))
    fixed = draw(st.sets(st.sampled_from(names), max_size=2))
    return [ProcessType(name, "x", port=port if name in fixed else 0) for name, port in zip(names, ports, strict=True)]


def spans(ports):
    return {name: range(port, port + formation.TYPE_STEP) for name, port in ports.items()}


@given(lists_of_types())
def test_the_ports_of_two_types_never_clash(kinds):
    ports = formation.allocate(kinds, {}, anywhere)
    fixed = {kind.name for kind in kinds if kind.port}
    spaces = spans(ports)
    for name in set(ports) - fixed:  # ports that deployer gave: up to 99 processes find room
        assert not any(set(spaces[name]) & set(spaces[other]) for other in ports if other != name)
    assert len(set(ports.values())) == len(ports)
    assert all(ports[kind.name] == kind.port for kind in kinds if kind.port)


@given(lists_of_types(), lists_of_types(), st.randoms())
def test_known_ports_never_change_whatever_line_comes_goes_or_moves(before, added, random):
    known = formation.allocate(before, {}, anywhere)
    after = {kind.name: kind for kind in [*added, *before]}
    kinds = list(after.values())
    random.shuffle(kinds)
    claimed = {kind.port for kind in kinds if kind.port}
    assume(len(claimed) == sum(bool(kind.port) for kind in kinds))  # deploy.yaml may not claim a port twice
    ports = formation.allocate(kinds, known, anywhere)
    for kind in kinds:
        if kind.port:
            assert ports[kind.name] == kind.port
        elif kind.name in known and known[kind.name] not in claimed:
            assert ports[kind.name] == known[kind.name]
    assert len({ports[kind.name] for kind in kinds}) == len(kinds)


def test_a_port_that_deploy_yaml_claims_is_taken_from_the_type_that_had_it_by_chance():
    ports = formation.allocate(types("web", "api", api=5000), {"web": 5000}, anywhere)
    assert ports["api"] == 5000
    assert ports["web"] == 5100


def test_a_type_that_is_gone_keeps_its_ports_for_its_return():
    assert formation.allocate(types("web", "mail"), {"web": 5000, "clock": 5100}, anywhere)["mail"] == 5200


def test_a_second_app_begins_at_the_next_thousand_that_is_free():
    assert formation.allocate(types("web"), {}, lambda base: base >= 7000) == {"web": 7000}


def test_ports_high_up_leave_room_for_more_types():
    names = [f"t{number}" for number in range(30)]
    ports = formation.allocate(types(*names), {"web": 64900}, anywhere)
    assert len(set(ports.values())) == 31
    assert max(ports.values()) < 65436


def test_the_nth_process_has_the_nth_port():
    found = formation.expand(7, {"web": 2, "worker": 1}, formation.Places({"web": 5000, "worker": 5100}))
    assert found == [Process(7, "web", 1, 5000), Process(7, "web", 2, 5001), Process(7, "worker", 1, 5100)]
    assert [process.name for process in found] == ["web.1", "web.2", "worker.1"]


def test_without_a_declaration_there_is_one_of_each():
    assert formation.default_formation(types("web", "worker"), {}) == {"web": 1, "worker": 1}


def test_what_is_declared_is_all_there_is():
    assert formation.default_formation(types("web", "worker"), {"worker": 3}) == {"web": 0, "worker": 3}


def test_a_type_that_the_build_lacks_is_named():
    with pytest.raises(NotFound, match="names wrker, but the build has web, worker"):
        formation.default_formation(types("web", "worker"), {"wrker": 3})


@given(COUNTS, COUNTS)
def test_what_was_scaled_stays_until_deploy_yaml_says_something_new(declared, actual):
    same = formation.next_formation(declared, declared, actual)
    assert same == {name: actual.get(name, count) for name, count in declared.items()}


@given(COUNTS, COUNTS, COUNTS)
def test_what_deploy_yaml_newly_says_wins(declared, before, actual):
    found = formation.next_formation(declared, before, actual)
    assert list(found) == list(declared)
    for name, count in declared.items():
        assert found[name] in (count, actual.get(name))
        if before.get(name) != count:
            assert found[name] == count


@given(COUNTS, NAMES, st.integers(0, 120))
def test_scaling_sets_adds_and_takes_away(actual, name, number):
    assume(name in actual)
    for sign, count in (("=", number), ("+", actual[name] + number), ("-", actual[name] - number)):
        if 0 <= count <= formation.MOST:
            assert formation.scaled(actual, [f"{name}{sign}{number}"]) == {**actual, name: count}
        else:
            with pytest.raises(UsageError, match="0 to 99"):
                formation.scaled(actual, [f"{name}{sign}{number}"])


def test_changes_are_made_in_their_order_and_all_or_none():
    actual = {"web": 1, "my-app": 2}
    assert formation.scaled(actual, ["web=3", "web+1", "my-app-1"]) == {"web": 4, "my-app": 1}
    with pytest.raises(NotFound, match="wrker"):
        formation.scaled(actual, ["web=3", "wrker=1"])
    assert actual == {"web": 1, "my-app": 2}


@pytest.mark.parametrize(
    "change", ["", "web", "web=", "=3", "web=-1", "web=x", "web=1.5", "web==1", "web=1234567", "web=٣"]
)
def test_what_is_no_change_is_refused(change):
    with pytest.raises((UsageError, NotFound)):
        formation.scaled({"web": 1}, [change])


def test_processes_are_chosen_by_type_or_by_name():
    processes = formation.expand(7, {"web": 2, "worker": 1}, formation.Places({"web": 5000, "worker": 5100}))
    assert formation.selected(processes, "web", None) == processes[:2]
    assert formation.selected(processes, "web", 2) == [processes[1]]
    with pytest.raises(NotFound, match=r"no process web\.3"):
        formation.selected(processes, "web", 3)
