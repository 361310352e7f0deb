"""One-off processes (Twelve-Factor XII): a command in the environment of a release, its streams as frames."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
from typing import Any, Callable, Optional

from deployer.agent import bounds, child, ledger, pending, stage
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.session import Lost
from deployer.core import requests, wire
from deployer.core.errors import NotFound
from deployer.core.manifest import ProcessType
from deployer.core.oneoffs import KIND
from deployer.core.release import Spec


def exec_(request: requests.Exec, host: Host) -> requests.Ended:
    """Run a command to its end, with a terminal of its own if one was asked for."""
    chosen = version(request.version, host.files)
    spec = stage.spec(host.files, chosen)
    kind = bounding(spec, request.type)
    env = child.environment_of(host.files, spec, KIND, request.term)
    ends = _Ends(request)
    try:
        with bounds.bounded(host.files, kind) as bound:
            process = _start(request, spec, env, child.working_folder(host.files, spec), ends, bound)
    except FileNotFoundError:
        raise no_such_command(request.argv[0], chosen) from None
    except OSError as error:  # a file that is no program, a folder, too many arguments
        raise NotFound(f"{request.argv[0]!r} cannot be run in v{chosen}: {error.strerror}", hint="") from None
    with child.ending(process):
        ends.close_theirs()
        code = _relay(process, host, ends)
    return requests.Ended(code)


def version(wanted: Optional[int], files: Layout) -> int:
    """The release that a one-off process runs from: the wanted one, else the one that serves."""
    serving = pending.confirmed(files, ledger.read(files))
    found = wanted or (serving.version if serving else None)
    if found is None:
        raise NotFound("nothing runs here yet", hint="name a release: `deploy exec --release v1 -- …`")
    return found


def bounding(spec: Spec, kind: str) -> Optional[ProcessType]:
    """The process type whose limits it has: none where `kind` is ''."""
    return spec.type(kind) if kind else None


def no_such_command(word: str, release: int) -> NotFound:
    """The failure that says that `word` is no command there."""
    return NotFound(f"there is no command {word!r} in v{release}", hint="a shell line runs as `sh -c '…'`")


class _Ends:
    """Our ends of a one-off process's streams: one terminal, or three pipes."""

    def __init__(self, request: requests.Exec) -> None:
        if request.terminal:
            ours, theirs = pty.openpty()
            resize(ours, request.rows, request.columns)
            self.stdin: Optional[int] = ours
            self.outputs = {ours: wire.STDOUT}
            self.theirs = (theirs, theirs, theirs)
        else:
            (in_r, in_w), (out_r, out_w), (err_r, err_w) = os.pipe(), os.pipe(), os.pipe()
            self.stdin = in_w
            self.outputs = {out_r: wire.STDOUT, err_r: wire.STDERR}
            self.theirs = (in_r, out_w, err_w)
        os.set_blocking(self.stdin, False)  # a process that does not read must not keep us from reading it
        self._waiting = b""
        self._ending = False

    def close_theirs(self) -> None:
        """The process has them now."""
        for descriptor in set(self.theirs):
            os.close(descriptor)

    def add_input(self, typed: bytes) -> None:
        """The operator's input goes on."""
        self._waiting += typed

    def end_input(self) -> None:
        """The operator's input has ended."""
        self._ending = True

    def held_back(self) -> list[int]:
        """Where input waits to be taken: the descriptor to wait for."""
        return [self.stdin] if self._waiting and self.stdin is not None else []

    def feed(self) -> int:
        """Give the process what it takes now of its input; then the end of it: end of file, or ^D on a terminal.

        Returns how many bytes are dealt with.
        """
        before = len(self._waiting)
        try:
            while self._waiting and self.stdin is not None:
                self._waiting = self._waiting[os.write(self.stdin, self._waiting) :]
        except BlockingIOError:
            return before - len(self._waiting)
        except OSError:  # it reads no more
            self._waiting = b""
        if self._ending and self.stdin is not None:
            self._ending = False
            if self.stdin in self.outputs:
                os.write(self.stdin, b"\x04")
            else:
                os.close(self.stdin)
                self.stdin = None
        return before - len(self._waiting)


def _start(  # noqa: PLR0917 - what a process is made of
    request: requests.Exec, spec: Spec, env: dict[str, str], cwd: str, ends: _Ends, bound: Optional[Callable[[], None]]
) -> subprocess.Popen[bytes]:
    def prepare() -> None:
        if request.terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if bound is not None:
            bound()

    stdin, stdout, stderr = ends.theirs
    return subprocess.Popen(
        request.argv,
        cwd=cwd,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=prepare if request.terminal or bound else None,  # noqa: PLW1509 - an ioctl, a read: no more
        **child.identity(spec),
    )


def _relay(process: subprocess.Popen[bytes], host: Host, ends: _Ends) -> int:
    """Pass everything both ways until the process has ended and its output is told."""
    opened, left = dict(ends.outputs), child.LAST
    while opened and left > 0:
        ended = process.poll() is not None
        ready, _, _ = select.select(list(opened), ends.held_back(), [], 0 if ended else 0.02)
        if not ready and ended:
            break
        for descriptor in ready:
            block = _read(descriptor)
            if block:
                host.session.send(opened[descriptor], block)
                left -= len(block) if ended else 0
            else:
                del opened[descriptor]
        _obey(process, host, ends)
    while process.poll() is None:
        _obey(process, host, ends)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return child.exit_code(process.returncode)


def _obey(process: subprocess.Popen[bytes], host: Host, ends: _Ends) -> None:
    """Do what the operator's frames say: input, window size, signals."""
    while True:
        taken = ends.feed()
        if taken:
            host.session.send(wire.TAKEN, wire.dump({"bytes": taken}))
        host.session.check()
        if host.session.cancelled.is_set():
            raise Lost
        found = host.session.next(timeout=0)
        if found is None:
            return
        kind, payload = found
        if kind == wire.STDIN:
            ends.add_input(payload)
        elif kind == wire.END:
            ends.end_input()
        elif kind == wire.RESIZE and ends.stdin is not None:
            size: dict[str, Any] = json.loads(payload)
            resize(ends.stdin, size["rows"], size["columns"])
        elif kind == wire.SIGNAL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, int(json.loads(payload)["signal"]))


def resize(descriptor: int, rows: int, columns: int) -> None:
    """Give the terminal its size (tty_ioctl(4))."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # EIO: the last process has closed the terminal
        return b""
