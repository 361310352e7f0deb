"""How long did processes take to be up, and to stop?  Measured during a switch, and told when it is done."""

from __future__ import annotations

import time
from typing import Callable, Collection, Iterable, Optional, Sequence

from deployer.agent.managers import Check, Instance, ProcessManager
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType

HURRY = 2.0  # seconds that a process has to stop while a switch is put back of which nobody hears any more
MOMENT = 0.3  # seconds that a process has still to stay up whose release has settled in this run already


class Timings:
    """The longest times of each type since `begun` (seconds of the epoch), in seconds; who had to be `killed`.

    It knows when each process came up, and which types have settled in this run, so that nobody is waited for twice;
    `trials` run still, since others are to settle at the same time (agent/rehearsal.py).  `gap` is how long a port may
    have had nobody, from the stop of one process until the next one on it came up.  `tell` hears what is waited for,
    since when and for how long at most, in seconds.  Types in `hurried` are killed after `HURRY` seconds, whatever
    their own time.
    """

    def __init__(
        self, begun: Optional[float] = None, tell: Callable[[str, float, float], None] = lambda *_: None
    ) -> None:
        self._tell, self._told = tell, ""
        self.begun = time.time() if begun is None else begun
        self.ready: dict[str, float] = {}
        self.stop: dict[str, float] = {}
        self.gap: dict[str, float] = {}
        self.killed: list[str] = []
        self.trials: Sequence[Process] = ()
        self._up: dict[Process, tuple[int, float]] = {}
        self._settled: set[str] = set()
        self.hurried: Collection[str] = ()
        self._left: dict[int, float] = {}  # when a process began to leave its port

    def is_ready(self, instance: Instance) -> None:
        """A process is ready now; what was up before is not counted."""
        if instance.since >= self.begun:
            _longest(self.ready, instance.process.type, time.time() - instance.since)

    def came_up(self, instance: Instance, now: float) -> float:
        """When this process came up (of the monotonic clock): `now`, unless that is known already."""
        left = self._left.pop(instance.process.port, None)
        if left is not None:
            _longest(self.gap, instance.process.type, now - left)
        return self._up.setdefault(instance.process, (instance.pid, now))[1]

    def pid(self, process: Process) -> int:
        """The pid with which a process came up in this run; 0 for one that has not."""
        return self._up.get(process, (0, 0.0))[0]

    def settled(self, processes: Iterable[Process]) -> None:
        """Processes of these types have stayed up in this run."""
        self._settled |= {process.type for process in processes}

    def patience(self, kind: ProcessType) -> float:
        """How long a process of this type has to stay up, in seconds."""
        return min(MOMENT, kind.healthy_time) if kind.name in self._settled else kind.healthy_time

    def waiting(self, text: str, spent: float = 0.0, of: float = 0.0) -> None:
        """Something is waited for: told when it is something else than before."""
        if text != self._told:
            self._told = text
            self._tell(text, spent, of)

    def stopping(self, manager: ProcessManager, processes: Sequence[Process], check: Check = lambda: None) -> None:
        """Stop these, and wait for it."""
        begun = time.monotonic()
        self._left.update({process.port: begun for process in processes})
        if processes:
            self.waiting(f"waiting for {_named(processes)} to end")
        quick = [process for process in processes if process.type in self.hurried]
        others = [process for process in processes if process not in quick]
        if quick and others:
            manager.stop(others, wait=False)
        killed = manager.stop(quick, within=HURRY, check=check) + manager.stop(others, check=check)
        self.killed += [f"{process.name} of v{process.release}" for process in killed]
        for kind in {process.type for process in processes}:
            _longest(self.stop, kind, time.monotonic() - begun)


def _named(processes: Sequence[Process]) -> str:
    """`web.1 of v41 and 2 more`."""
    more = f" and {len(processes) - 1} more" if len(processes) > 1 else ""
    return f"{processes[0].name} of v{processes[0].release}{more}"


def _longest(known: dict[str, float], kind: str, seconds: float) -> None:
    known[kind] = round(max(known.get(kind, 0.0), seconds), 3)
