"""Who starts processes at their times where systemd does not?  This program, kept alive by supervisord.

It does nothing else: the files in `run/scheduled` say what and when, and each moment gets a process of its own that
sees to the run (agent/scheduled_run.py).  Killed and started anew, it goes on where it was: which moments are done with
stands in the files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

from deployer.agent import scheduled
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.scheduled import Job

LONGEST = 1.0  # seconds until it looks again, whatever the clock does meanwhile
SHORTEST = 0.01


def main(arguments: list[str]) -> None:
    """`APP TARGET`, in the target's root; ends with the supervisord that started it."""
    app, target = arguments
    program = os.path.abspath(sys.argv[0])
    keeper = Scheduler(Layout(program_root(program), app, target), program)
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(keeper.tick(time.time()))


def program_root(program: str) -> Path:
    """The root of the target whose release has this program."""
    return Path(program).parent.parent.parent


class Scheduler:
    """The next moment of each type, and what was started for those that came."""

    def __init__(self, files: Layout, program: str) -> None:
        self._files, self._program = files, program
        self._next: dict[tuple[str, str], Optional[float]] = {}  # by type and schedule: another release is no other
        self._begun: list[subprocess.Popen[bytes]] = []

    def tick(self, now: float) -> float:
        """Start what is due at `now`; after how many seconds to look again."""
        self._begun = [process for process in self._begun if process.poll() is None]
        jobs = scheduled.read(self._files)
        known = {(job.type, job.schedule) for job in jobs}
        self._next = {key: moment for key, moment in self._next.items() if key in known}
        for job in jobs:
            self._look(job, now)
        coming = [moment for moment in self._next.values() if moment is not None]
        return min(LONGEST, max(SHORTEST, min(coming, default=now + LONGEST) - now))

    def _look(self, job: Job, now: float) -> None:
        key = (job.type, job.schedule)
        if key not in self._next:
            self._next[key] = scheduled.next_moment(job, scheduled.begin_after(self._files, job.type, now))
        moment = self._next[key]
        if moment is not None and moment <= now:
            self._begin(job, moment)
            self._next[key] = scheduled.next_moment(job, max(moment, now))
        elif moment is not None and moment > now + scheduled.AHEAD:  # far away: the clock may have been put back
            self._next[key] = scheduled.next_moment(job, scheduled.begin_after(self._files, job.type, now))

    def _begin(self, job: Job, moment: float) -> None:
        words = [self._files.app, self._files.target, job.type, f"{moment:.3f}", job.schedule]
        process = subprocess.Popen(
            [interpreter(), "-IS", self._program, "due", *words],
            stdin=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        self._begun.append(process)
