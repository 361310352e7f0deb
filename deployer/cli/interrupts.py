"""How does a command end when it is asked to: Ctrl-C, SIGTERM, a terminal that hangs up?

All three become an exception in the main thread, so that sessions and children are ended by the context managers
that began them.  What nobody can catch (SIGKILL) is the agent's business: its session ends with the connection.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The command got SIGTERM or SIGHUP: like Ctrl-C, it passes through every `except Exception`."""


@contextmanager
def raised() -> Iterator[None]:
    """Raise `Stopped` for SIGTERM and SIGHUP; one that was ignored before (nohup) stays ignored."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
