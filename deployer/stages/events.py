"""What does a use case tell while it works?  Events; the command line decides how each looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deployer.core.errors import DeployError

STEP, DONE, FAILED = "step", "done", "failed"
OUTPUT, WARNING, WAITING, PHASE = "output", "warning", "waiting", "phase"


@dataclass(frozen=True)
class Event:
    """Something happened.

    `step`: work of this name began (`text`, e.g. "staging v7"), on `host` or, without one, on the target as a whole;
    `done`: the same step ended well; `failed`: it did not; `output`: a line that a user's command printed;
    `warning`: the user should know; `waiting`: another writer holds the target; `phase`: what the step of this host
    waits for, since `spent` seconds, for `of` at most (0: that is not known).
    """

    kind: str
    text: str
    host: str = ""
    spent: float = 0.0
    of: float = 0.0


Report = Callable[[Event], None]


@contextmanager
def step(report: Report, text: str, host: str) -> Iterator[None]:
    """Tell that a step on `host` begins, and how it ends."""
    report(Event(STEP, text, host))
    try:
        yield
    except DeployError:
        report(Event(FAILED, text, host))
        raise
    report(Event(DONE, text, host))


def silent(event: Event) -> None:
    """A report that nobody reads."""
