"""How does one wait for what comes without being told?  By looking again and again, with a bound."""

from __future__ import annotations

import threading
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


def meanwhile(work: Callable[[], None], look: Callable[[float], None]) -> None:
    """Have `work` done, and `look` all the time, with the seconds that it has taken: that may raise, and it goes on."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)

    worker, begun = threading.Thread(target=run, daemon=True), time.monotonic()
    worker.start()
    while worker.is_alive():
        look(time.monotonic() - begun)
        worker.join(PAUSE)
    for error in failures:
        raise error
