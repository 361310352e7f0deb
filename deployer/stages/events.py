"""What does a use case tell while it works?  Events; the command line decides how each looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STEP, DONE, OUTPUT, WARNING, WAITING = "step", "done", "output", "warning", "waiting"


@dataclass(frozen=True)
class Event:
    """Something happened.

    `step`: work of this name began (`text`, e.g. "staging v7"); `done`: the same step ended; `output`: a line that
    a user's command printed; `warning`: the user should know; `waiting`: another writer holds the target.
    """

    kind: str
    text: str
    host: str = ""


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """A report that nobody reads."""
