"""One value has one canonical form, and nothing else is accepted as it."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import canonical
from deployer.core.canonical import NotCanonical

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(-canonical.LARGEST, canonical.LARGEST)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-canonical.LARGEST, canonical.LARGEST) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value):
    assert canonical.loads(canonical.dumps(value)) == value


@given(st.dictionaries(TEXT, st.integers(0, 9)), st.randoms())
def test_the_order_of_keys_does_not_matter(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert canonical.dumps(dict(items)) == canonical.dumps(value)


@given(VALUES, st.integers(0), st.integers(0, 255))
def test_no_other_bytes_stand_for_the_same_value(value, place, byte):
    text = canonical.dumps(value)
    at = place % len(text)
    changed = text[:at] + bytes([byte]) + text[at + 1 :]
    try:
        found = canonical.loads(changed)
    except NotCanonical:
        return
    assert changed == text or json.dumps(found) != json.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" 1",
        b"1\n",
        b"1.0",
        b"0.50",
        b"-0.0",
        b"1e300",
        b"1e2",
        b"-0",
        b"NaN",
        b"Infinity",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'"\\u00e9"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"9007199254740992",
        b"9" * 5000,
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_what_is_not_canonical_is_refused(text):
    if text != b"[" * 900 + b"]" * 900:
        with pytest.raises(NotCanonical):
            canonical.loads(text)
    else:  # deep, but a value: either answer is right, an overflow is not
        with contextlib.suppress(NotCanonical):
            canonical.loads(text)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 1e300, {1: 2}, {"a": b"x"}, {"a": {1}}, 2**53, -(2**53), "\ud800", {"\udcff": 1}],
)
def test_a_value_without_a_canonical_form_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical.dumps(value)
