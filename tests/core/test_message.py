"""Messages: what a frozen dataclass can do, as far as the wire needs it."""

from __future__ import annotations

import pytest

from deployer.core import wire
from deployer.core.message import field, fields, is_message, message


@message
class Part:
    name: str


@message
class Whole:
    count: int
    parts: list[Part] = field(default_factory=list)
    note: str | None = None


@message
class Nothing:
    """No field at all."""


def test_fields_are_given_by_place_or_by_name():
    assert Whole(1, [], "x") == Whole(count=1, parts=[], note="x")
    assert (Whole(1).parts, Whole(1).note) == ([], None)


def test_a_made_default_is_no_ones_but_ours():
    one, other = Whole(1), Whole(1)
    one.parts.append(Part("a"))
    assert other.parts == []


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, [], None, 2), {}), ((1,), {"count": 2}), ((1,), {"other": 2})]
)
def test_what_does_not_fit_is_refused(values, named):
    with pytest.raises(TypeError, match="Whole"):
        Whole(*values, **named)


def test_it_is_frozen_and_compared_by_its_fields():
    part = Part("a")
    with pytest.raises(AttributeError):
        part.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del part.name
    assert part == Part("a") != Part("b")
    assert part != "a"
    assert len({part, Part("a"), Part("b")}) == 2
    assert repr(part) == "Part(name='a')"


def test_it_crosses_the_wire():
    whole = Whole(2, [Part("a")], None)
    assert wire.decode(Whole, wire.encode(whole)) == whole
    assert wire.decode(Nothing, wire.encode(Nothing())) == Nothing()
    assert is_message(Nothing)
    assert not is_message(int)
    assert fields(Nothing) == ()
    with pytest.raises(wire.BadFrame):
        wire.decode(Whole, {"parts": []})
