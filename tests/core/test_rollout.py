"""A run goes over the hosts in batches, and leaves none out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core.rollout import batches

WORDS = st.one_of(st.just("all"), st.integers(1, 9999).map(str), st.integers(1, 100).map(lambda share: f"{share}%"))


@given(st.integers(0, 2000), WORDS)
def test_every_host_is_in_one_batch_and_only_the_last_may_be_smaller(count, batch):
    sizes = batches(count, batch)
    assert sum(sizes) == count
    assert all(size >= 1 for size in sizes)
    assert all(size == sizes[0] for size in sizes[:-1])
    assert not sizes or sizes[-1] <= sizes[0]


@pytest.mark.parametrize(
    ("count", "batch", "sizes"),
    [
        (3, "1", [1, 1, 1]),
        (5, "2", [2, 2, 1]),
        (3, "all", [3]),
        (10, "25%", [3, 3, 3, 1]),
        (3, "1%", [1, 1, 1]),
        (50, "100%", [50]),
        (2, "9", [2]),
        (0, "all", []),
    ],
)
def test_a_batch_is_a_number_a_share_or_all(count, batch, sizes):
    assert batches(count, batch) == sizes


@pytest.mark.parametrize("batch", ["", "0", "0%", "101%", "-1", "1.5", "5 %", "half", "1\n"])
def test_nothing_else_is_one(batch):
    with pytest.raises(ValueError, match=re.escape(batch) + "$"):
        batches(3, batch)
