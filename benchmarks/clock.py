"""How long does a command take?  Wall time and the CPU time of all its processes, several times, in alternation."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Taken:
    """One run: when it began, and the seconds that it took; CPU is user and system time of the whole process tree."""

    begun: float
    wall: float
    cpu: float


def timed(
    command: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None, umask: int = -1
) -> Taken:
    """Run a command, which must succeed; what it prints shows only if it does not."""
    with tempfile.TemporaryFile() as output:
        begun, clock = time.time(), time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            umask=umask,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - clock
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            told = output.read().decode(errors="replace")
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{told}")
    return Taken(begun, wall, used.ru_utime + used.ru_stime)


def one_after_the_other(*commands: Callable[[], Taken]) -> Taken:
    """Several as if they were one."""
    taken = [command() for command in commands]
    return Taken(taken[0].begun, sum(one.wall for one in taken), sum(one.cpu for one in taken))


def alternating(rounds: int, subjects: Mapping[str, Callable[[], Taken]]) -> dict[str, list[Taken]]:
    """Every subject once a round, and every other round in the other order: what else the machine does hits all."""
    taken: dict[str, list[Taken]] = {name: [] for name in subjects}
    for number in range(rounds):
        for name in list(subjects)[:: -1 if number % 2 else 1]:
            taken[name].append(subjects[name]())
    return taken


def walls(runs: Sequence[Taken]) -> list[float]:
    """Their wall times."""
    return [run.wall for run in runs]


def cpus(runs: Sequence[Taken]) -> list[float]:
    """Their CPU times."""
    return [run.cpu for run in runs]


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Round by round, how many times as long."""
    return [value / max(other, 1e-4) for value, other in zip(values, base, strict=True)]
