"""How does the embedded manager keep times?  By a program of ours (agent/scheduler.py) that supervisord keeps alive.

It is the same for all types of a target, and none where nothing has a schedule.  A run of its own begins for each
moment (agent/scheduled_run.py), so that neither supervisord nor the scheduler is missed by one that has begun.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import Sequence

from deployer.agent import durable, leftovers, scheduled, started, supervisor_conf
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.scheduled import Job
from deployer.core.errors import RunFailed
from deployer.core.manifest import ProcessType

PAUSE, GRACE = 0.02, 15.0


class Scheduling:
    """The schedules of one target's types, as the files say."""

    def __init__(self, files: Layout) -> None:
        self._files = files

    def arrange(self, release: int, kinds: Sequence[ProcessType]) -> bool:
        """Have the files say this; whether they said something else before."""
        wanted = [Job(kind.name, release, kind.schedule, kind.stop_timeout) for kind in kinds]
        for name in scheduled.names(self._files):
            if name not in {kind.name for kind in kinds}:
                scheduled.remove(self._files, name)
        for job in wanted:
            scheduled.write(self._files, job)
        folder = self._files.root / supervisor_conf.PROCESSES
        name = f"{supervisor_conf.SCHEDULER}{release}.conf" if kinds else ""
        others = [path for path in folder.glob(f"{supervisor_conf.SCHEDULER}*.conf") if path.name != name]
        missing = bool(name) and not (folder / name).exists()
        if missing:
            conf = supervisor_conf.scheduler(self._files.app, self._files.target, release, python=interpreter())
            durable.make_directory(folder, mode=0o700)
            durable.write(folder / name, conf, mode=0o600, name="supervisor.scheduler")
        for path in others:
            durable.remove(path, name="supervisor.scheduler")
        return missing or bool(others)

    def end(self) -> None:
        """End every run of a type that the files do not name; returns when it is over, and its outcome noted."""
        kept = {job.type for job in scheduled.read(self._files)}
        for kind in set(scheduled.locks(self._files)) - kept:
            descriptor = os.open(scheduled.lock_path(self._files, kind), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._await(descriptor, kind)
            finally:
                os.close(descriptor)

    def _await(self, lock: int, kind: str) -> None:
        """Wait until nobody holds the lock of the type's one run; what has begun is told to end."""
        begun, longest = time.monotonic(), 0.0
        while not _free(lock):
            record = scheduled.running(self._files, kind)
            if record is not None:
                longest = max(longest, record.stop_timeout)
                leftovers.end(record)
            if time.monotonic() - begun > GRACE + longest:
                raise RunFailed(f"the run of {kind} cannot be ended", hint="`deploy ps` shows what runs")
            time.sleep(PAUSE)
        orphan = started.read(str(self._files.root), started.scheduled_key(kind))
        if orphan is not None:  # whoever was to see its end is gone
            leftovers.end(orphan)


def _free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
