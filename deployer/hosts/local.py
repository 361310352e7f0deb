"""How is the operator's own machine a host?  By the same agent, the same bytes, as a subprocess."""

from __future__ import annotations

import contextlib
import io
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from deployer.agent import disk_errors, durable, fault
from deployer.core.errors import HostUnreachable
from deployer.hosts import pyz
from deployer.hosts.host import SILENCE

NAME = "local"


class Local:
    """The built-in target's only host.  The agent runs in a session of its own: Ctrl-C is for the operator alone."""

    def __init__(self, root: str, cache: Path, *, silence: float = SILENCE) -> None:
        self.name, self.root, self._cache, self._silence = NAME, root, cache, silence

    def start(self) -> LocalChannel:
        """Start the agent; it is put into `agent/<sha256>.pyz` first if it is not there."""
        digest, content = pyz.agent(self._cache)
        program = Path(self.root, "agent", f"{digest}.pyz")
        try:
            if not program.exists():
                durable.make_directory(program.parent, mode=0o700)
                durable.write(program, content, mode=0o500, name="agent")
        except OSError as error:
            hint = f"{disk_errors.hint(error, program)}; or give `targets.local.path` another folder"
            raise HostUnreachable(disk_errors.message(error, program), hint=hint) from error
        return LocalChannel([sys.executable, "-IS", str(program), "serve"], self.root, self._silence)


class LocalChannel:
    """An agent that runs as our subprocess."""

    def __init__(self, command: list[str], root: str, silence: float) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the agent
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=self._stderr,
            start_new_session=True,
            cwd=root,
            env=_environment(),
        )
        self._pipe = cast("BinaryIO", self._process.stdout)
        self.writer = cast("BinaryIO", _Input(cast("BinaryIO", self._process.stdin), silence))
        self.reader = cast("BinaryIO", _Output(self._pipe.fileno(), silence))

    def close(self, *, timeout: float) -> None:
        """End its input and wait for its end."""
        with contextlib.suppress(OSError):
            self.writer.close()
        _await(self._process, timeout)
        self._pipe.close()

    def complaint(self) -> str:
        """The end of what it printed on stderr."""
        self._stderr.seek(0)
        return self._stderr.read()[-4000:].decode(errors="replace")


class _Input(io.RawIOBase):
    """A pipe to write to, for so long as some of it is taken at least every `silence` seconds."""

    def __init__(self, pipe: BinaryIO, silence: float) -> None:
        super().__init__()
        self._pipe, self._silence = pipe, silence
        os.set_blocking(pipe.fileno(), False)

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        """Write all of `content`; `TimeoutError` when an agent that is frozen takes nothing."""
        left = memoryview(content)
        while left:
            if not select.select([], [self._pipe.fileno()], [], self._silence)[1]:
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(self._pipe.fileno(), left) :]
        return len(content)

    def close(self) -> None:
        """End it."""
        self._pipe.close()
        super().close()


class _Output(io.RawIOBase):
    """A pipe to read from, for so long as something comes at least every `silence` seconds."""

    def __init__(self, descriptor: int, silence: float) -> None:
        super().__init__()
        self._descriptor, self._silence, self._held = descriptor, silence, b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end; `TimeoutError` when nothing comes."""
        if not self._held:
            if not select.select([self._descriptor], [], [], self._silence)[0]:
                raise TimeoutError
            self._held = os.read(self._descriptor, 1 << 16)
        part, self._held = self._held[:size], self._held[size:]
        return part


def _await(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Wait for its end.  By pidfd_open(2): `Popen.wait(timeout)` would look only every 50 ms."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # an old kernel
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
        return
    try:
        if select.select([descriptor], [], [], timeout)[0]:
            process.wait()
    finally:
        os.close(descriptor)


def _environment() -> dict[str, str]:
    """What a login over SSH would give the agent: nothing of the operator's own variables may reach an app."""
    login = ("HOME", "USER", "LOGNAME", "PATH", "LANG", "SHELL", "PYENV_ROOT", "XDG_STATE_HOME")
    return {name: os.environ[name] for name in (*login, fault.FAULT, fault.TRACE) if name in os.environ}
