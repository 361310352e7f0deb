"""Durations are read as people write them, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60s", 60), ("10m", 600), ("1h30m", 5400), ("500ms", 0.5), ("1.5s", 1.5), ("90", 90), ("0", 0), ("2d", 172800)],
)
def test_a_duration_is_seconds(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "s", "-5s", "+5s", "5 s", "5x", "1h 30m", "1e3", "nan", "inf", "5s\n6", "٣s", "5S"]
)
def test_what_is_none_is_none(text):
    assert seconds(text) is None


@given(st.text())
def test_no_text_makes_it_fail(text):
    found = seconds(text)
    assert found is None or found >= 0
