"""How is a one-off process tied to the caller's keyboard and screen?

A thread passes on what is typed; signals and window sizes reach it through a pipe, since a signal handler may not
touch the session.  It reads only so far ahead of the process that it is never held up itself: Ctrl-C gets through to a
process that reads nothing.  With a terminal on both sides ours is in raw mode: Ctrl-C is a key like any other there.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

from deployer.cli import keyboard
from deployer.cli.display.screen import Screen, Unread
from deployer.core import wire
from deployer.core.errors import HostUnreachable

if TYPE_CHECKING:
    from deployer.hosts.session import Session

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
BLOCK = 1 << 16
STOP, LOOK = 0, 255  # what the pipe carries besides the numbers of signals


class Attached:
    """The caller's side of a one-off process; `terminal` where both ends are to be one."""

    def __init__(self, screen: Screen, stdin: int, *, terminal: bool) -> None:
        self._screen, self._stdin, self._terminal = screen, stdin, terminal
        self._wake, self._waker = os.pipe()
        self._undo = ExitStack()
        self._thread: threading.Thread | None = None
        self._sent = self._taken = 0  # bytes of input: each counted by one thread alone
        self.written: dict[bool, bytes] = {False: b"", True: b""}  # kept with --json, by "is it stderr?"

    def attach(self, session: Session) -> None:
        """Send input, window sizes and signals through `session` from now on, until `detach`."""
        if self._terminal:
            self._undo.enter_context(keyboard.raw(self._stdin))
        for number in (*FORWARDED, signal.SIGWINCH):
            self._catch(number)
        self._thread = threading.Thread(target=self._pump, args=(session,), daemon=True)
        self._thread.start()

    def detach(self) -> None:
        """Stop, and put the caller's terminal back as it was."""
        os.write(self._waker, bytes([STOP]))
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._undo.close()

    def show(self, output: bytes, *, error: bool) -> None:
        """What the process wrote to stdout, or (`error`) to stderr, as it is."""
        if self._screen.json:
            self.written[error] += output
        elif not (self._screen.write_error(output) if error else self._screen.write_bytes(output)):
            raise Unread

    def taken(self, count: int) -> None:
        """The process has taken `count` more bytes of its input."""
        self._taken += count
        os.write(self._waker, bytes([LOOK]))

    def _catch(self, number: signal.Signals) -> None:
        def pass_on(caught: int, _frame: FrameType | None) -> None:
            os.write(self._waker, bytes([caught]))

        self._undo.callback(signal.signal, number, signal.signal(number, pass_on))

    def _pump(self, session: Session) -> None:
        ended = False
        try:
            while True:
                room = wire.WINDOW - (self._sent - self._taken)
                sources = [self._wake, self._stdin] if room > 0 and not ended else [self._wake]
                ready, _, _ = select.select(sources, [], [])
                if self._wake in ready and not self._obey(os.read(self._wake, BLOCK), session.send):
                    return
                if self._stdin in ready:
                    typed = _read(self._stdin, min(room, BLOCK))
                    ended = not typed
                    self._sent += len(typed)
                    session.send(wire.END if ended else wire.STDIN, typed)
        except (HostUnreachable, OSError):
            pass  # the session is over; the call that waits for its reply tells how

    def _obey(self, caught: bytes, send: Callable[[bytes, bytes], None]) -> bool:
        for number in caught:
            if number == STOP:
                return False
            if number == signal.SIGWINCH:
                rows, columns = keyboard.size(self._stdin)
                send(wire.RESIZE, wire.dump({"rows": rows, "columns": columns}))
            elif number != LOOK:
                send(wire.SIGNAL, wire.dump({"signal": number}))
        return True


def _read(descriptor: int, most: int) -> bytes:
    try:
        return os.read(descriptor, most)
    except OSError:  # EIO: the terminal was closed
        return b""
