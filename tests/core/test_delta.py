"""A text as new lines and ranges of another one's lines."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import delta

TEXTS = st.lists(st.sampled_from([b"a", b"b", b"c", b"", b"\xff\n"]), max_size=30).map(b"\n".join)


@given(TEXTS, TEXTS)
def test_what_was_made_is_what_comes_out(base, text):
    assert delta.apply(base, delta.make(base, text)) == text


def test_a_changed_line_costs_a_line():
    lines = [f"f 644 {number:064x} 100 src/module_{number}.py" for number in range(5000)]
    base = "\n".join(lines).encode()
    lines[2500] = lines[2500].replace("100", "101")
    made = delta.make(base, "\n".join(lines).encode())
    assert len(made) < 200


@pytest.mark.parametrize("parts", ["x", {}, [1], [[1]], [[-1, 2]], [["a", 1]], [[1, 2, 3]], [None]])
def test_what_is_no_delta_is_refused(parts):
    if isinstance(parts, list):
        with pytest.raises(delta.BadDelta):
            delta.apply(b"a\nb", zlib.compress(json.dumps(parts).encode()))
    else:
        with pytest.raises(delta.BadDelta):
            delta.apply(b"a\nb", zlib.compress(json.dumps(parts).encode())[: len(str(parts))])


def test_a_delta_that_grows_without_end_is_refused():
    base = b"\n".join([b"x" * 1000] * 1000)
    bomb = zlib.compress(json.dumps([[0, 1000]] * 1000).encode())
    with pytest.raises(delta.BadDelta):
        delta.apply(base, bomb)
