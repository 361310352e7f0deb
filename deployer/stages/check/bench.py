"""How is a process launched by hand, watched and ended?  One life each: nothing starts it again.

It is launched as every process manager does it, by the release's own launcher; SIGTERM goes to its process group, as
the embedded manager sends it, so that whatever has left the group is seen to stay behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from deployer.agent import leftovers, procfs, readiness, sockets, started
from deployer.agent.environment import PATH
from deployer.agent.layout import Layout
from deployer.agent.managers import CRASHED, STARTING, UP, Instance, ProcessManager
from deployer.agent.notices import Notices
from deployer.agent.timings import Timings
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.secret import Secret
from deployer.core.signals import signal_name
from deployer.core.strategy import SOCKET
from deployer.core.turn import TURN

PORTS = range(20000, 30000)  # below those that the kernel gives to clients
PAUSE, SETTLED, LAST = 0.01, 0.3, 3.0  # seconds: between two looks, for a second look, for what is killed
TAIL = 50


@dataclass(frozen=True)
class Start:
    """How a process came up: ready after so many `seconds`, or the `failure`."""

    seconds: float
    failure: str = ""

    @property
    def ready(self) -> bool:
        """Whether it is up."""
        return not self.failure


@dataclass(frozen=True)
class Life:
    """A process that was launched, and where its output goes."""

    process: Process
    launched: subprocess.Popen[bytes]
    output: Path
    record: str

    @property
    def pid(self) -> int:
        """The process's id, and that of its group."""
        return self.launched.pid

    @property
    def ended(self) -> int | None:
        """Its exit code, or minus the signal; None while it lives."""
        return self.launched.poll()

    @property
    def group(self) -> list[int]:
        """The ids of all that live in its group."""
        return [one.pid for one in procfs.members(self.pid)]

    def lines(self) -> list[str]:
        """The last lines that it wrote."""
        with self.output.open("rb") as file:
            file.seek(max(self.output.stat().st_size - (1 << 16), 0))
            return file.read().decode(errors="replace").splitlines()[-TAIL:]

    def signal(self, number: int) -> None:
        """Send a signal to its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Bench:
    """What launches the processes of the releases below `root`; `values` never leave here."""

    def __init__(self, files: Layout, values: Collection[Secret]) -> None:
        self.files, self.root = files, files.root
        self._notices = Notices(str(files.root))
        self._hidden = sorted((v.reveal() for v in values if len(v.reveal()) > 3), key=len, reverse=True)
        self._next = iter([*PORTS[os.getpid() * 16 % len(PORTS) :], *PORTS])
        self._lives: dict[Process, Life] = {}
        self._count = 0

    def process(self, kind: ProcessType, number: int = 1, *, release: int = 1) -> Process:
        """A process of this type, with a port that is free; on it the launcher binds the socket of one that gets it.

        That one is a rehearsal for its launcher: number 0 of some turn.
        """
        port = next(port for port in self._next if sockets.free(port))
        return Process(release, kind.name, (number - 1) * TURN if kind.listen == SOCKET else number, port)

    def launch(self, process: Process) -> Life:
        """Launch it; `end` or `life` must follow."""
        self._count += 1
        output = self.root / "output" / f"{self._count}-{process.name}"
        output.parent.mkdir(mode=0o700, exist_ok=True)  # it may hold secrets
        key = started.key(process.release, process.type, process.number)
        self._notices.listen(key)
        program = f"{self.root}/releases/v{process.release}/agent.pyz"
        words = ["launch", process.type, str(process.number), "--port", str(process.port)]
        with output.open("wb") as file:
            launched = subprocess.Popen(
                [sys.executable, "-IS", program, *words],
                cwd=self.root,
                env={"PATH": PATH},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._lives[process] = made = Life(process, launched, output, key)
        return made

    @contextlib.contextmanager
    def life(self, process: Process, *, patience: float = 0) -> Iterator[Life]:
        """Launch it, and end all of it afterwards: asked first, for so many seconds."""
        made = self.launch(process)
        try:
            yield made
        finally:
            if patience:
                self.stop(made, patience)
            self.end(made)

    def await_ready(self, life: Life, kind: ProcessType, *, settle: bool = False) -> Start:
        """Wait until it is ready, by the very rules of a run, or has failed.

        What answers need not `settle` in every life; all else is known to be up by that alone.
        """
        timings, settle = Timings(begun=0.0), settle or not kind.binds_port
        begun = time.monotonic()
        watcher = cast("ProcessManager", self)  # of a manager it needs what tells, and nothing that does
        try:
            readiness.await_ready(
                watcher, [life.process], {kind.name: kind}, check=lambda: None, timings=timings, settle=settle
            )
        except RunFailed as error:
            return Start(
                time.monotonic() - begun, error.message.removeprefix(f"{life.process.name} of v{life.process.release} ")
            )
        seconds = timings.ready[kind.name] if kind.binds_port else time.monotonic() - begun
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that goes into the background is seen to end
            life.launched.wait(SETTLED)
            return Start(seconds, f"was ready, and then {ending(life.ended)}")
        return Start(seconds)

    def instances(self) -> list[Instance]:
        """What was launched, as a process manager would tell it."""
        return [self._instance(life) for life in self._lives.values()]

    def said_ready(self, process: Process) -> bool:
        """Whether it has said READY=1 (sd_notify(3))."""
        life = self._lives[process]
        return self._notices.ready(life.record, life.pid)

    def tail(self, process: Process, lines: int) -> bytes:
        """The last lines that it wrote."""
        return "\n".join(self._lives[process].lines()[-lines:]).encode()

    def _instance(self, life: Life) -> Instance:
        if life.ended is not None:
            return Instance(life.process, CRASHED, 0, time.time(), 0, ending(life.ended))
        record = started.read(str(self.root), life.record)
        if record is None or record.pid != life.pid:
            return Instance(life.process, STARTING, life.pid, time.time(), 0)
        return Instance(life.process, UP, life.pid, record.at, 0)

    def members(self, life: Life) -> list[procfs.Stat]:
        """All that lives of it, in its group or not."""
        record = started.read(str(self.root), life.record)
        return leftovers.members(record) if record else []

    def strays(self, life: Life) -> list[procfs.Stat]:
        """What it started and what is not in its group any more."""
        return [one for one in self.members(life) if one.group != life.pid]

    def stop(self, life: Life, patience: float) -> float | None:
        """The stop_signal to its group; the seconds until all of it has ended, None if it lives on after `patience`."""
        begun = time.monotonic()
        record = started.read(str(self.root), life.record)
        life.signal(leftovers.stopping(record) if record else signal.SIGTERM)
        return self.await_end(life, begun, patience)

    def await_end(self, life: Life, begun: float, patience: float) -> float | None:
        """The seconds from `begun` until all of its group has ended, None if it lives on after `patience`."""
        while life.ended is None or life.group:
            if time.monotonic() > begun + patience:
                return None
            time.sleep(PAUSE)
        return time.monotonic() - begun

    def end(self, life: Life, *, forget: bool = True) -> None:
        """Kill what is left of it, wherever it went; `forget` leaves no record for the launcher of its next life."""
        life.signal(signal.SIGKILL)
        record = started.read(str(self.root), life.record)
        deadline = time.monotonic() + LAST
        while record and leftovers.signal(record, signal.SIGKILL) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        with contextlib.suppress(subprocess.TimeoutExpired):
            life.launched.wait(LAST)
        self._lives.pop(life.process, None)
        self._notices.forget(life.record)
        if forget:
            started.forget(str(self.root), life.record)

    def hidden(self, text: str) -> str:
        """The text without any value of the config."""
        for value in self._hidden:
            text = text.replace(value, "[hidden]")
        return text


def ending(code: int | None) -> str:
    """`exited with code 1`, `was killed by SIGKILL`."""
    if code is None:
        return "is alive"
    if code >= 0:
        return f"exited with code {code}"
    return f"was killed by SIG{signal_name(-code)}"
