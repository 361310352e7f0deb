"""A program's pipes as files: what is written is its stdin, what is read its stdout, each with a deadline.

Its stderr is taken up while stdout is read, so that no pipe fills that nobody empties.
"""

from __future__ import annotations

import io
import os
import select
import time
from collections import deque

TICK = 1.0  # seconds after which a wait looks around
PART = 1 << 15
LAST = 4000  # bytes of stderr that are kept


class Errors:
    """What a program prints on stderr: the end of it is kept."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self._kept: deque[int] = deque(maxlen=LAST)

    @property
    def open(self) -> list[int]:
        """The descriptor, until its end."""
        return [] if self._descriptor is None else [self._descriptor]

    def take(self) -> None:
        """Take up what has come."""
        while self._descriptor is not None:
            try:
                content = os.read(self._descriptor, PART)
            except BlockingIOError:
                return
            self._kept.extend(content)
            if not content:
                self.close()

    def close(self) -> None:
        """Take up nothing more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def text(self) -> str:
        """All that is kept."""
        self.take()
        return bytes(self._kept).decode(errors="replace")


class Input(io.RawIOBase):
    """Its stdin.  `OSError` where it takes no more, `TimeoutError` where it takes nothing for `silence` seconds."""

    def __init__(self, descriptor: int, silence: float) -> None:
        super().__init__()
        os.set_blocking(descriptor, False)
        self._descriptor, self._silence = descriptor, silence

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        """Write all of `content`; it waits while the program is slow."""
        at, moved = 0, time.monotonic()
        while at < len(content):
            if self.closed:
                raise BrokenPipeError("the command has ended")
            try:
                at += os.write(self._descriptor, content[at : at + PART])
                moved = time.monotonic()
            except BlockingIOError:
                if time.monotonic() - moved > self._silence:
                    raise TimeoutError("the host takes nothing more") from None
                polled = select.poll()
                polled.register(self._descriptor, select.POLLOUT)
                polled.poll(TICK * 1000)
        return len(content)

    def close(self) -> None:
        """End its input."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)


class Output(io.RawIOBase):
    """Its stdout.  `TimeoutError` where nothing comes for `silence` seconds."""

    def __init__(self, descriptor: int, errors: Errors, silence: float) -> None:
        super().__init__()
        self._descriptor, self._errors, self.silence = descriptor, errors, silence

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """What has come, at most as much as fits into `buffer`; 0 at the end."""
        deadline = time.monotonic() + self.silence
        while True:
            polled = select.poll()
            for descriptor in (self._descriptor, *self._errors.open):
                polled.register(descriptor, select.POLLIN)
            ready = [descriptor for descriptor, _ in polled.poll(TICK * 1000)]
            self._errors.take()
            if self._descriptor in ready:
                content = os.read(self._descriptor, len(buffer))
                buffer[: len(content)] = content
                return len(content)
            if time.monotonic() > deadline:
                raise TimeoutError("nothing was heard from the host")

    def close(self) -> None:
        """Read nothing more."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)
