"""How many hosts does a run switch at a time?"""

from __future__ import annotations

import re

ALL = "all"
PATTERN = re.compile(r"(?:all|[1-9][0-9]{0,3}|(?:[1-9][0-9]?|100)%)\Z")


def batches(count: int, batch: str) -> list[int]:
    """The sizes of the batches in which `count` hosts are switched; the first is the canary.

    `batch` is `all`, a number of hosts, or a share of them such as `25%` (rounded up).
    """
    if not PATTERN.match(batch):
        raise ValueError(batch)
    if batch == ALL:
        size = count
    elif batch.endswith("%"):
        size = -(-count * int(batch[:-1]) // 100)
    else:
        size = int(batch)
    return [min(size, count - done) for done in range(0, count, max(size, 1))]
