"""Which process types run at their times on this host, and how are they doing?

Those of the release that serves which have a schedule and, on this host, a count other than 0.
"""

from __future__ import annotations

import time
from typing import Mapping, Optional

from deployer.agent import scheduled, started
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPED, UP, ProcessManager
from deployer.agent.scheduled import Job
from deployer.core import requests
from deployer.core.release import Spec

SCHEDULED = "scheduled"


def apply(
    files: Layout, manager: ProcessManager, spec: Optional[Spec], share: Mapping[str, int], *, stopped: bool = False
) -> None:
    """Have exactly those types of `spec` run at their times that `share`, this host's formation, has.

    None does where it is `stopped`, or without a `spec`.  A run of these that has begun goes on to its end, whatever
    release it is of; that of any other type ends now, since it may be another host's from here on.
    """
    kinds = [] if spec is None or stopped else [k for k in spec.launch.processes if k.schedule and share.get(k.name)]
    scheduled.sweep(files)
    point("schedules.apply")
    manager.schedule(spec.version if spec else 0, kinds)
    point("schedules.applied")


def seen(files: Layout, manager: ProcessManager) -> list[requests.Seen]:
    """A line for each type that runs at its times, and for each run that belongs to another release."""
    jobs = scheduled.read(files)
    armed = manager.armed() if jobs else set()
    lines = [_line(files, job, armed=job.type in armed) for job in jobs]
    current = {(job.type, job.release) for job in jobs}
    for kind in started.scheduled(str(files.root)):
        record = scheduled.running(files, kind)
        if record is not None and (kind, scheduled.release_of(record)) not in current:
            lines.append(_running(kind, scheduled.release_of(record), record, state=requests.DRAINING))
    return lines


def _line(files: Layout, job: Job, *, armed: bool) -> requests.Seen:
    record = scheduled.running(files, job.type)
    if record is not None and scheduled.release_of(record) == job.release:
        return _running(job.type, job.release, record, state=UP)
    ended = scheduled.last_ending(files, job.type)
    told = [_next(job) if armed else "its times are not kept", *([f"last {ended}"] if ended else [])]
    return requests.Seen(f"{job.type}.1", job.release, SCHEDULED if armed else STOPPED, 0, 0, 0, 0, "; ".join(told))


def _running(kind: str, release: int, record: started.Started, *, state: str) -> requests.Seen:
    return requests.Seen(f"{kind}.1", release, state, record.pid, 0, record.at, 0, "")


def _next(job: Job) -> str:
    moment = scheduled.next_moment(job, time.time())
    return "never again" if moment is None else f"next {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(moment))}"
