"""How long did processes take to be up, and to stop?  Measured during a switch, and told when it is done."""

from __future__ import annotations

import time
from typing import Sequence

from deployer.agent.managers import Instance, ProcessManager
from deployer.core.formation import Process


class Timings:
    """The longest times of each type since `begun` (seconds of the epoch), in seconds; who had to be `killed`."""

    def __init__(self) -> None:
        self.begun = time.time()
        self.ready: dict[str, float] = {}
        self.stop: dict[str, float] = {}
        self.killed: list[str] = []

    def is_ready(self, instance: Instance) -> None:
        """A process is ready now; what was up before is not counted."""
        if instance.since >= self.begun:
            _longest(self.ready, instance.process.type, time.time() - instance.since)

    def stopping(self, manager: ProcessManager, processes: Sequence[Process]) -> None:
        """Stop these, and wait for it."""
        begun = time.monotonic()
        killed = manager.stop(processes)
        self.killed += [f"{process.name} of v{process.release}" for process in killed]
        for kind in {process.type for process in processes}:
            _longest(self.stop, kind, time.monotonic() - begun)


def _longest(known: dict[str, float], kind: str, seconds: float) -> None:
    known[kind] = round(max(known.get(kind, 0.0), seconds), 3)
