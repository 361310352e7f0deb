"""Our frozen dataclasses behave as those of the standard library do."""

import copy
import dataclasses
import inspect
import pickle

import pytest

from deployer.core.dataclass import dataclass


def declared(decorator):
    @decorator(frozen=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        tags: list[str] = dataclasses.field(default_factory=list)

        @property
        def sum(self):
            return self.x + self.y

    return Point


@dataclass(frozen=True)
class Known:
    x: int
    y: str = "y"
    at: str = dataclasses.field(default="", compare=False, repr=False)


OURS, THEIRS = declared(dataclass), declared(dataclasses.dataclass)


@pytest.mark.parametrize("given", [((1,), {}), ((1, 3), {}), ((), {"x": 1, "tags": ["a"]}), ((1, 2, ["a"]), {})])
def test_the_same_values_make_the_same_instance(given):
    ours, theirs = (cls(*given[0], **given[1]) for cls in (OURS, THEIRS))
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs)
    assert ours.sum == theirs.sum


@pytest.mark.parametrize("given", [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_wrong_values_are_refused(given):
    for cls in (OURS, THEIRS):
        with pytest.raises(TypeError):
            cls(*given[0], **given[1])


def test_nothing_can_be_changed():
    point = OURS(1)
    for change in (lambda: setattr(point, "x", 2), lambda: setattr(point, "z", 2), lambda: delattr(point, "x")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()


def test_instances_are_compared_and_hashed_by_their_values():
    assert Known(1) == Known(1, "y") != Known(2)
    assert Known(1) != THEIRS(1)
    assert Known(1, at="here") == Known(1, at="there")
    assert "here" not in repr(Known(1, at="here"))
    assert {Known(1), Known(1)} == {Known(1)}
    assert Known(1) == pickle.loads(pickle.dumps(Known(1))) == copy.copy(Known(1))
    assert dataclasses.replace(Known(1), y="z") == Known(1, "z")


def test_its_signature_is_known():
    shown = [(one.name, one.default) for one in inspect.signature(OURS).parameters.values()]
    assert shown == [("x", inspect.Parameter.empty), ("y", 2), ("tags", [])]


def test_each_instance_has_its_own_defaults():
    assert OURS(1).tags is not OURS(1).tags


def test_a_match_statement_takes_it_apart():
    match Known(3):
        case Known(x, y, _):
            assert (x, y) == (3, "y")
