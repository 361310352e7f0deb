"""supervisord's event loop, guarded: it never spins, never loses a descriptor, and a full disk costs log lines alone.

Each guard is for a fault of supervisor 4.3 that docs/dependencies.md describes.  Travels beside supervisor's own code
(hosts/supervisor_package.py).  The standard library, supervisor and Python 3.9 only.
"""

from __future__ import annotations

import os
import select
import time
from typing import IO, Any

from supervisor import dispatchers, events, http, loggers, options, poller  # type: ignore[import-untyped]

READ, WRITE = select.POLLIN | select.POLLPRI, select.POLLOUT
BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL  # reported whether they are asked for or not
REST = 1.0  # seconds


class Poller(poller.BasePoller):  # type: ignore[misc]
    """poll(2) over what supervisord registers in this very pass of its loop, which registers everything anew.

    A registration that outlives its descriptor would be one of the next descriptor of that number.  What is broken is
    reported as ready: whoever reads it, or writes to it, hears of the error and closes it.
    """

    def initialize(self) -> None:
        """Begin with nothing; supervisor's own constructor calls this."""
        self._wanted: dict[int, int] = {}

    def register_readable(self, fd: int) -> None:
        """Look whether `fd` can be read, at the next poll."""
        self._wanted[fd] = self._wanted.get(fd, 0) | READ

    def register_writable(self, fd: int) -> None:
        """Look whether `fd` can be written to, at the next poll."""
        self._wanted[fd] = self._wanted.get(fd, 0) | WRITE

    def unregister_readable(self, fd: int) -> None:
        """Nothing: after a poll there is no registration."""

    def unregister_writable(self, fd: int) -> None:
        """Nothing: after a poll there is no registration."""

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        """The descriptors that can be read, and those that can be written to; after `timeout` seconds at the latest."""
        wanted, self._wanted = self._wanted, {}
        polled = select.poll()
        for fd, events_wanted in wanted.items():
            polled.register(fd, events_wanted)
        ready = polled.poll(timeout * 1000)
        readable = [fd for fd, found in ready if wanted[fd] & READ and found & (READ | BROKEN)]
        writable = [fd for fd, found in ready if wanted[fd] & WRITE and found & (WRITE | BROKEN)]
        return readable, writable


class Server(http.supervisor_af_unix_http_server):  # type: ignore[misc]
    """The server of supervisord's socket: with no descriptor to spare, a client waits, and does not keep us awake."""

    _rests_until = 0.0

    def readable(self) -> bool:
        """Whether connections are accepted now."""
        return time.monotonic() >= self._rests_until

    def accept(self) -> Any:
        """A connection; none for a second, where one could not be taken."""
        try:
            return super().accept()
        except OSError:
            self._rests_until = time.monotonic() + REST
            raise


class LogFile(loggers.RotatingFileHandler):  # type: ignore[misc]
    """A log file that loses what cannot be written, and goes on when it can."""

    stream: IO[bytes]

    def emit(self, record: object) -> None:
        """Write the record, as far as the disk takes it."""
        try:
            if self.stream.closed:  # its rotation has failed half-way
                self.stream = open(self.baseFilename, "ab")  # noqa: SIM115 - as long as the process lives
            super().emit(record)
        except OSError:
            self.handleError()

    def handleError(self) -> None:  # noqa: N802 - supervisor's own name
        """Nothing: supervisor itself writes to stderr, which is a file on the same disk, and dies of that."""


def make_pipes(self: Any, stderr: bool = True) -> dict[str, int | None]:  # noqa: FBT001, FBT002 - supervisor's own
    """Make the pipes of a process, without one for its stdin: that is /dev/null.  `self` are supervisor's options."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        pipes: dict[str, int | None] = _MAKE_PIPES(self, stderr)
    except OSError:
        os.close(nothing)
        raise
    for name in ("stdin", "child_stdin"):
        self.close_fd(pipes[name])
    return {**pipes, "stdin": None, "child_stdin": nothing}


def make_dispatchers(self: Any, process: object) -> tuple[dict[int, Any], dict[str, int | None]]:
    """Make the pipes of a process and what reads them; where a log cannot be opened, the pipes are closed again.

    `self` is the configuration of the process, whose stderr goes with its stdout.
    """
    pipes = self.options.make_pipes(False)  # noqa: FBT003 - supervisor's own
    stdout = pipes["stdout"]
    try:
        reader = dispatchers.POutputDispatcher(process, events.ProcessCommunicationStdoutEvent, stdout)
    except OSError:
        self.options.close_parent_pipes(pipes)
        self.options.close_child_pipes(pipes)
        raise
    return {stdout: reader}, pipes


_MAKE_PIPES = options.ServerOptions.make_pipes


def guard() -> None:
    """Have supervisor use these."""
    poller.Poller = Poller
    http.supervisor_af_unix_http_server = Server
    loggers.RotatingFileHandler = LogFile
    options.ServerOptions.make_pipes = make_pipes
    options.ProcessConfig.make_dispatchers = make_dispatchers
