"""What does one command cost?  Its time, when the hosts switched, and what operator, hosts and network did for it."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.fleet.hosts import carried, told, worked
from tests.lab.host import Host

LONGEST = 400  # seconds that a command may take
LOOK = 0.05  # seconds between two looks at its memory


class CommandFailed(Exception):
    """What was to be measured did not succeed; the message has what it said."""


@dataclass(frozen=True)
class Cost:
    """One command.  Seconds, bytes; what is per host is that of the host that needed most, `host_cpu` the mean.

    `switched` is the moment when the last host's `current` changed, `spread` the time since the first one's; None
    where it did not.  `cpu` is of all the operator's processes, `memory` of the command's own.  `waits` are the round
    trips: how often the operator had said all it could, and had to wait for the host; counted on slow lines only.
    """

    wall: float
    switched: float | None
    spread: float | None
    cpu: float
    memory: int
    sent: int
    received: int
    host_cpu: float
    logins: int
    execs: int
    waits: int | None = None

    def document(self) -> dict[str, object]:
        """The cost for JSON."""
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Place:
    """Where commands are run, and which hosts they change; `current` is the link's path on each."""

    folder: Path
    env: Mapping[str, str]
    hosts: Sequence[Host]
    current: str


def measured(place: Place, *command: str, env: Mapping[str, str] | None = None, waits: Sequence[float] = ()) -> Cost:
    """Run a command, which must succeed."""
    first = place.hosts[0]
    bytes_, cpu, log = [carried(host) for host in place.hosts], [worked(host) for host in place.hosts], told(first)
    before = len(waits)
    begun, wall, used, memory = run(command, place.folder, {**place.env, **(env or {})})
    moved = [
        tuple(a - b for a, b in zip(carried(h), was, strict=True)) for h, was in zip(place.hosts, bytes_, strict=True)
    ]
    hosts_cpu = [worked(host) - was for host, was in zip(place.hosts, cpu, strict=True)]
    after = told(first)
    moments = [at for host in place.hosts if (at := changed(host, place.current)) > begun]
    everywhere = len(moments) == len(place.hosts)
    return Cost(
        wall=wall,
        switched=max(moments) - begun if everywhere else None,
        spread=max(moments) - min(moments) if everywhere else None,
        cpu=used,
        memory=memory,
        sent=max(there for there, _ in moved),
        received=max(back for _, back in moved),
        host_cpu=statistics.mean(hosts_cpu),
        logins=after[0] - log[0],
        execs=after[1] - log[1],
        waits=len(waits) - before if before or waits else None,
    )


def run(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[float, float, float, int]:
    """Run a command, which must succeed: when it began, seconds by the clock and of CPU, bytes of memory at most."""
    with tempfile.TemporaryFile() as output:
        begun, clock = time.time(), time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        with memory_of(process) as highest, overdue(process):
            _, status, used = os.wait4(process.pid, 0)
            wall = time.monotonic() - clock
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-3000:]
            raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return begun, wall, used.ru_utime + used.ru_stime, max(highest)


@contextlib.contextmanager
def memory_of(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """The most memory that the process itself has had so far, in bytes.

    The kernel's account for the parent would count what the parent had when it forked.
    """
    highest, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(LOOK):
            with contextlib.suppress(OSError):
                _, _, rest = Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")
                highest.append(int(rest.split()[0]) * 1024 if rest else 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield highest
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def overdue(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the process if it takes too long."""
    timer = threading.Timer(LONGEST, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def changed(host: Host, link: str) -> float:
    """When the link was made, by the clock that all hosts share with this machine; 0 where there is none."""
    try:
        return os.lstat(host.root / link.lstrip("/")).st_ctime
    except FileNotFoundError:
        return 0
