"""How does a command of a build run, and who sees what it prints?

Each runs in a session of its own with the workshop's environment and umask 022, without a terminal; its lines go to
the caller and into the log, secrets masked.  When it ends, or the user presses Ctrl-C, all that it started ends.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from deployer.core.errors import BuildFailed
from deployer.core.signals import signal_name

TAIL = 30
GRACE = 3  # seconds between SIGTERM and SIGKILL when the user interrupts
LONGEST_LINE = 10_000
BLOCK = 65536
MOST_LEFT = 64  # blocks
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Bench:
    """Runs the commands of one build in `tree`; implements the packs' `Run`."""

    def __init__(
        self,
        tree: Path,
        environment: Mapping[str, str],
        *,
        mask: Sequence[str],
        log: IO[str],
        show: Callable[[str], None],
    ) -> None:
        self.tree = tree
        self.environment = dict(environment)
        self._mask = mask
        self._log = log
        self._show = show

    def __call__(
        self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Run `command`; `BuildFailed` names it, its exit code and its last lines."""
        self._run(command, f"`{_brief(shlex.join(command))}`", cwd or self.tree, env or {})

    def shell(self, command: str, *, path: Sequence[str] = (), key: str = "build.commands") -> None:
        """Run a command of the user's own, unchanged, by bash (sh where there is none) with `path` before PATH.

        `key` is where in deploy.yaml it stands.  A virtual environment in `path` is the active one.
        """
        folders = [str(self.tree / folder) for folder in path]
        search = os.pathsep.join([*folders, self.environment.get("PATH", os.defpath)])
        bash = shutil.which("bash", path=search)
        active = [os.path.dirname(each) for each in folders if os.path.exists(f"{each}/../pyvenv.cfg")]
        variables = {"PATH": search, **({"VIRTUAL_ENV": active[0]} if active else {})}
        shell = [bash, "-euo", "pipefail"] if bash else ["/bin/sh", "-eu"]
        self._run([*shell, "-c", command], f"{key}: `{_brief(command)}`", self.tree, variables)

    def hidden(self, text: str) -> str:
        """`text` without the build's secrets."""
        for value in self._mask:
            text = text.replace(value, "[hidden]")
        return text

    def say(self, line: str) -> None:
        """Tell the user a line, and keep it."""
        self._line(line, deque())

    def _run(self, command: Sequence[str], name: str, cwd: Path, env: Mapping[str, str]) -> None:
        self._log.write(f"$ {self.hidden(shlex.join(command))}\n")
        environment = {**self.environment, **env}
        program = shutil.which(command[0], path=environment.get("PATH"))
        if program is None:
            raise BuildFailed(f"{command[0]} is not on PATH", hint=f"install {command[0]}; `deploy doctor` says how")
        tail: deque[str] = deque(maxlen=TAIL)
        with _held_signals() as release:  # one that came before the `try` would leave the command running
            process = subprocess.Popen(
                [program, *command[1:]],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                umask=0o022,
                start_new_session=True,
            )
            try:
                release()
                self._follow(process, tail)
            except BaseException:
                _end(process)
                raise
        code = process.wait()
        if code:
            how = f"was killed by SIG{signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
            raise BuildFailed(f"{self.hidden(name)} {how}", output="\n".join(tail), details={"exit_code": code})

    def _follow(self, process: subprocess.Popen[bytes], tail: deque[str]) -> None:
        """Pass the output on until the process ends, and end with it what it left running in the background."""
        lines = _Lines(lambda line: self._line(line, tail))
        ended = os.pidfd_open(process.pid)
        with process.stdout or contextlib.nullcontext() as pipe, selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
            selector.register(ended, selectors.EVENT_READ)
            left = MOST_LEFT  # a daemon that keeps the pipe open, or even full, cannot keep us
            try:
                while ready := selector.select(None if ended in selector.get_map() else 0.1):
                    if any(key.fd == ended for key, _ in ready):
                        _kill(process)
                        selector.unregister(ended)
                    elif block := os.read(ready[0][0].fd, BLOCK):
                        lines.feed(block)
                        left -= ended not in selector.get_map()
                    else:
                        selector.unregister(ready[0][0].fileobj)
                    if not selector.get_map() or not left:
                        break
            finally:
                os.close(ended)
        lines.finish()

    def _line(self, line: str, tail: deque[str]) -> None:
        line = self.hidden(line.rstrip())[:LONGEST_LINE]
        if line:
            tail.append(line)
            self._log.write(f"{line}\n")
            self._show(line)


class _Lines:
    """Cuts a stream of bytes into lines; a progress bar's carriage return ends a line too."""

    def __init__(self, each: Callable[[str], None]) -> None:
        self._each = each
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, block: bytes) -> None:
        *lines, self._rest = (self._rest + self._decode(block)).replace("\r", "\n").split("\n")
        if len(self._rest) > BLOCK:
            lines, self._rest = [*lines, self._rest], ""
        for line in lines:
            self._each(line)

    def finish(self) -> None:
        self._each(self._rest + self._decode(b"", final=True))


@contextlib.contextmanager
def _held_signals() -> Iterator[Callable[[], None]]:
    """Keep Ctrl-C and the like waiting until the function that comes out is called."""
    caught: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {each: signal.signal(each, lambda number, _: caught.append(number)) for each in ENDING}

    def release() -> None:
        while before:
            signal.signal(*before.popitem())
        while caught:
            os.kill(os.getpid(), caught.pop())

    try:
        yield release
    finally:
        release()


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(GRACE)
    finally:  # also when the user presses Ctrl-C again
        _kill(process)
    process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _brief(command: str) -> str:
    first, *more = command.strip().split("\n")
    return f"{first[:200]} …" if more or len(first) > 200 else first
