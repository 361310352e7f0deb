"""Logs merged by time, each of them in its order of writing: a clock may jump, what was written later came later."""

from __future__ import annotations

import heapq
from typing import Callable, Iterable, Sequence, TypeVar

T = TypeVar("T")


def merged(logs: Iterable[Sequence[T]], at: Callable[[T], str]) -> list[T]:
    """The entries of all logs, oldest first.  `at` is an entry's time, RFC 3339 in UTC.

    An entry counts as no later than those that were written after it: where the clock was wrong meanwhile, the newest
    entries are the last all the same.
    """
    return [entry for _, entry in heapq.merge(*(_dated(log, at) for log in logs), key=lambda dated: dated[0])]


def _dated(log: Sequence[T], at: Callable[[T], str]) -> list[tuple[str, T]]:
    """Each entry with its time, or that of the earliest one after it."""
    found: list[tuple[str, T]] = []
    for entry in reversed(log):
        times = [time for time in (at(entry), found[-1][0] if found else "") if time]
        found.append((min(times, default=""), entry))
    return found[::-1]
