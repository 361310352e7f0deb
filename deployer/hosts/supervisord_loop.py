"""supervisord's event loop, guarded: it never spins, never loses a descriptor, and a full disk costs log lines alone.

Each guard is for a fault of supervisor 4.3 that docs/dependencies.md describes.  Travels beside supervisor's own code
(hosts/supervisor_package.py).  The standard library, supervisor and Python 3.9 only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time
from typing import IO, Any, ClassVar

from supervisor import dispatchers, events, http, loggers, options, poller  # type: ignore[import-untyped]

READ, WRITE = select.POLLIN | select.POLLPRI, select.POLLOUT
BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL  # reported whether they are asked for or not
REST = 1.0  # seconds
MARK, TIMES, EVERY = struct.Struct("<Qd"), ".times", 0.25  # agent/log_times.py reads these; seconds


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
    """The server of supervisord's socket: with no descriptor to spare, a client waits, and does not keep us awake.

    Where somebody has swept the socket's file away, it listens on a new one.
    """

    _rests_until = 0.0
    _looked = 0.0

    def readable(self) -> bool:
        """Whether connections are accepted now."""
        now = time.monotonic()
        if now - self._looked > REST:
            self._looked = now
            self._listen_again()
        return now >= self._rests_until

    def accept(self) -> Any:
        """A connection; none for a second, where one could not be taken."""
        try:
            return super().accept()
        except OSError:
            self._rests_until = time.monotonic() + REST
            raise

    def _listen_again(self) -> None:
        """Listen on a new socket in place of ours, under the same descriptor, if its file is gone."""
        if os.path.lexists(self.ip):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            before = os.umask(0o077)
            try:
                made.bind(self.ip)
            finally:
                os.umask(before)
            os.chmod(self.ip, 0o700)
            made.listen(socket.SOMAXCONN)
            made.setblocking(False)  # noqa: FBT003 - its only argument
            os.dup2(made.fileno(), self.socket.fileno(), inheritable=False)


class LogFile(loggers.RotatingFileHandler):  # type: ignore[misc]
    """A log file that loses what cannot be written, says how much that was, and goes on when it can.

    What a process writes stays as it is; when it was written stands in a file beside it, of marks: from which byte on,
    and since when in seconds of the epoch.  Nothing is buffered here, so nothing waits for a disk that is full, and no
    error comes at a later moment.
    """

    _marked = 0.0
    losses: ClassVar[dict[str, tuple[int, str]]] = {}  # bytes of each file that were lost, and why

    def __init__(self, filename: str, mode: str = "ab", maxBytes: int = 0, backupCount: int = 0) -> None:  # noqa: N803
        loggers.Handler.__init__(self)
        self.baseFilename, self.mode = filename, mode
        self.maxBytes, self.backupCount = maxBytes, backupCount
        self.stream: IO[bytes] | None = None
        with contextlib.suppress(OSError):  # a process runs without its log rather than not at all
            self._open()

    def emit(self, record: Any) -> None:
        """Write the record, as far as the disk takes it."""
        whole = self.fmt == "%(message)s" and isinstance(record.msg, bytes)
        text = record.msg if whole else (self.fmt % record.asdict()).encode("utf-8", "replace")
        written, why = 0, os.strerror(errno.ENOSPC)
        try:
            file = self._open()
            self._tell(file)
            if whole:
                self._mark(file)
            written = file.write(text) or 0
        except OSError as error:
            why = error.strerror or str(error)
        if written < len(text):
            before = self.losses.get(self.baseFilename, (0, ""))[0]
            self.losses[self.baseFilename] = before + len(text) - written, why
        with contextlib.suppress(OSError):
            self._rotate()

    def close(self) -> None:
        """Close the file."""
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            self.stream = None

    def reopen(self) -> None:
        """Open the file anew: somebody has moved it away."""
        self.close()

    def _tell(self, file: IO[bytes]) -> None:
        """Say in the log how much is missing from it, if anything; `OSError` where there is no room even for that."""
        if self.baseFilename not in self.losses:
            return
        lost, why = self.losses[self.baseFilename]
        line = f"\n[deployer: {lost} bytes of output were lost here: {why}]\n".encode()
        size = file.seek(0, os.SEEK_END)
        if (file.write(line) or 0) < len(line):
            file.truncate(size)
            raise OSError(errno.ENOSPC, why)
        del self.losses[self.baseFilename]

    def _mark(self, file: IO[bytes]) -> None:
        """Note when what comes now is written, unless that was done just before."""
        now = time.time()
        if 0 <= now - self._marked < EVERY:
            return
        self._marked, mark = now, MARK.pack(file.seek(0, os.SEEK_END), now)
        with contextlib.suppress(OSError), open(self.baseFilename + TIMES, "ab", buffering=0) as times:
            size = times.seek(0, os.SEEK_END)
            if (times.write(mark) or 0) < len(mark):
                times.truncate(size)

    def _open(self) -> IO[bytes]:
        if self.stream is None:
            self.stream = open(self.baseFilename, "ab", buffering=0)  # noqa: SIM115 - as long as the process lives
        return self.stream

    def _rotate(self) -> None:
        if self.stream is None or not self.maxBytes or self.stream.seek(0, os.SEEK_END) < self.maxBytes:
            return
        self.close()
        self._marked = 0.0
        for number in range(self.backupCount, 0, -1):
            before = f"{self.baseFilename}.{number - 1}" if number > 1 else self.baseFilename
            for end in ("", TIMES):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(before + end, f"{self.baseFilename}.{number}{end}")


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
