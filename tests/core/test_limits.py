"""Amounts of memory and of processors."""

import pytest

from deployer.core import limits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("512M", 512 << 20),
        ("2G", 2 << 30),
        ("2048K", 2 << 20),
        ("1K", None),
        ("512", None),
        ("1.5G", None),
        ("x", None),
    ],
)
def test_an_amount_of_memory_has_a_unit(text, found):
    assert limits.size(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("50%", 0.5), ("1.5", 1.5), ("2", 2), ("250%", 2.5), ("0", None), ("0%", None), ("-1", None), ("half", None)],
)
def test_processors_are_a_share_or_a_number(text, found):
    assert limits.processors(text) == found
