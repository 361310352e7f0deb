"""What is left of a process whose leader or manager is gone, and how does it end?

A process group outlives its leader, and both outlive their supervisord.  A group is ours when its leader is the very
process that the launcher recorded, or when one of its members carries the launcher's marks in its environment;
no other is ever touched.
"""

from __future__ import annotations

import contextlib
import os
import time

from deployer.agent import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deployer.agent.procfs import Stat
    from deployer.agent.started import Started

TERM, KILL = 15, 9
GRACE = 5.0


def members(record: Started) -> list[Stat]:
    """The living processes of the recorded process's group; [] if the group is somebody else's by now."""
    if record.boot != procfs.boot():
        return []
    leader = procfs.stat(record.pid)
    group = procfs.members(record.pid)
    if leader is not None and leader.group == record.pid:
        return group if leader.started == record.ticks else []
    ours = any(other.started >= record.ticks and procfs.carries(other.pid, record.marks) for other in group)
    return group if ours else []


def signal(record: Started, number: int) -> bool:
    """Send a signal to all of the group; False if nothing of it is left."""
    if not members(record):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(record.pid, number)
    return True


def end(record: Started) -> bool:
    """SIGTERM, and SIGKILL after the process's stop_timeout; whether nothing of the group is left."""
    if not signal(record, TERM):
        return True
    patience = time.monotonic() + record.stop_timeout
    while time.monotonic() < patience + GRACE:
        if not members(record):
            return True
        if time.monotonic() >= patience:
            signal(record, KILL)
        time.sleep(0.02)
    return False
