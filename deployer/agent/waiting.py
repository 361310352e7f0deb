"""How does one wait for what comes without being told?  By looking again and again, with a bound."""

from __future__ import annotations

import time
from typing import Callable

PAUSE = 0.02  # seconds between two looks


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it has come true within `seconds`; it is asked at least once."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True
