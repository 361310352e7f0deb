"""When was each line of a log written?  supervisord leaves marks beside it (hosts/supervisord_loop.py).

A mark says from which byte on the log was written at which time, in seconds of the epoch; there are at most four a
second, so a line's time may be a quarter of a second early.
"""

from __future__ import annotations

import struct
from bisect import bisect_right

MARK, TIMES = struct.Struct("<Qd"), ".times"


def dated(path: str, start: int, text: bytes) -> list[tuple[float, bytes]]:
    """The lines of `text`, which stands from byte `start` on in the log `path`, each with its time; 0 where unknown."""
    marks = _marks(path)
    places = [place for place, _ in marks]
    found = []
    for line in text.split(b"\n"):
        after = bisect_right(places, start)
        found.append((marks[after - 1][1] if after else 0.0, line))
        start += len(line) + 1
    return found[:-1] if text.endswith(b"\n") else found


def _marks(path: str) -> list[tuple[int, float]]:
    """The marks in the order of their places; those of what a truncation has taken away are left out."""
    try:
        with open(path + TIMES, "rb") as file:
            content = file.read()
    except OSError:
        return []
    whole = content[: len(content) // MARK.size * MARK.size]
    kept: list[tuple[int, float]] = []
    for place, at in reversed(list(MARK.iter_unpack(whole))):
        if not kept or place < kept[-1][0]:
            kept.append((place, at))
    return kept[::-1]
