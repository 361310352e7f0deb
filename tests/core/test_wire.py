"""Requests cross a byte stream whole, or are refused by name."""

import io
from dataclasses import dataclass, field
from typing import Optional, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import wire
from deployer.core.formation import Process
from deployer.core.ledger import Release
from deployer.core.manifest import Launch, ProcessType, Runtime
from deployer.core.message import is_message
from deployer.core.recipe import NodeRecipe, PythonRecipe, Recipe
from deployer.core.secret import Secret
from deployer.core.wire import BadFrame


@dataclass(frozen=True)
class Everything:
    name: str
    number: int = 0
    share: float = 0.0
    flag: bool = False
    maybe: Optional[int] = None  # noqa: UP045 — as the agent's dialect writes it
    secret: Optional[Secret] = None  # noqa: UP045
    listed: list[str] = field(default_factory=list)
    several: tuple[Process, ...] = ()
    pair: tuple[int, str] = (0, "")
    by_name: dict[str, Secret] = field(default_factory=dict)
    by_number: dict[int, Process] = field(default_factory=dict)


st.register_type_strategy(float, st.floats(allow_nan=False))
ANY_BYTES = st.binary(max_size=40).map(lambda value: value.decode("utf-8", "surrogateescape"))
st.register_type_strategy(str, st.text(alphabet=st.characters(exclude_categories=["Cs"])) | ANY_BYTES)
st.register_type_strategy(Secret, ANY_BYTES.map(Secret))
KINDS = [Everything, Process, Release, Runtime, ProcessType, Launch, PythonRecipe, NodeRecipe, Recipe]
for kind_ in KINDS:
    if is_message(kind_):
        fields = {name: st.from_type(hint) for name, hint in get_type_hints(kind_).items()}
        st.register_type_strategy(kind_, st.builds(kind_, **fields))


@pytest.mark.parametrize("kind", KINDS)
@given(given_data=st.data())
def test_it_arrives_as_it_was(kind, given_data):
    value = given_data.draw(st.from_type(kind))
    assert wire.decode(kind, wire.load(wire.dump(wire.encode(value)))) == value


@given(st.lists(st.tuples(st.sampled_from([wire.REQUEST, wire.CHUNK, wire.END]), st.binary(max_size=99))))
def test_frames_come_out_as_they_went_in(frames):
    stream = io.BytesIO(b"".join(wire.frame(kind, payload) for kind, payload in frames))
    assert [wire.read_frame(stream) for _ in frames] == frames
    assert wire.read_frame(stream) is None


@given(st.binary(max_size=60), st.integers(1, 64))
def test_a_frame_that_was_cut_short_is_no_frame(payload, cut):
    whole = wire.frame(wire.REQUEST, payload)
    stream = io.BytesIO(whole[: -min(cut, len(whole))])
    try:
        found = wire.read_frame(stream)
    except BadFrame:
        found = None
    assert found is None


def test_a_frame_that_says_it_is_huge_is_refused_before_it_is_read():
    with pytest.raises(BadFrame, match="4294967295 bytes"):
        wire.read_frame(io.BytesIO(wire.HEADER.pack(b"Q", 2**32 - 1)))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "Everything: an object was expected"),
        ({}, "name"),
        ({"name": 1}, "Everything.name: 1 is not of type str"),
        ({"name": "", "number": True}, "Everything.number: True is not of type int"),
        ({"name": "", "number": None}, "Everything.number: None is not of type int"),
        ({"name": "", "zzz": 1}, "Everything: unknown field zzz"),
        ({"name": "", "several": {}}, "Everything.several: a list was expected"),
        ({"name": "", "several": [[]]}, "Process: an object was expected"),
        ({"name": "", "pair": [1]}, "Everything.pair: 2 items were expected"),
        ({"name": "", "by_name": []}, "Everything.by_name: an object was expected"),
        ({"name": "", "by_number": {"x": {}}}, "Everything.by_number"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(value, message):
    with pytest.raises(BadFrame) as caught:
        wire.decode(Everything, value)
    assert message in str(caught.value)


def test_a_secret_of_the_wrong_type_is_not_shown():
    with pytest.raises(BadFrame) as caught:
        wire.decode(Everything, {"name": "", "by_name": {"A": ["s3cr3t-canary"]}})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("payload", [b"", b"{", b"[" * 100_000, b'{"a":' + b"9" * 10_000 + b"}"])
def test_a_payload_that_is_no_json_is_refused(payload):
    with pytest.raises(BadFrame):
        wire.load(payload)
