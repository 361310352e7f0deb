"""What is left of a process whose leader or manager is gone, and how does it end?

A process group outlives its leader, and both outlive their supervisord; a daemon leaves the group as well.  A group
is ours when its leader is the very process that the launcher recorded, or when one of its members carries the
launcher's marks in its environment; a process outside it when it carries them itself.  No other is ever touched.
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
    """The living processes that belong to the recorded one, in its group or not."""
    everyone = [process for process in procfs.everyone() if process.alive]
    marked = [process for process in everyone if procfs.carries(process.pid, record.marks)]
    leader = procfs.stat(record.pid)
    if leader is not None and leader.group == record.pid:
        ours = (leader.started, procfs.boot()) == (record.ticks, record.boot)
    else:
        ours = any(process.group == record.pid for process in marked)
    outside = [process for process in marked if process.group != record.pid]
    return outside + ([process for process in everyone if process.group == record.pid] if ours else [])


def signal(record: Started, number: int, *, group: bool = True) -> bool:
    """Send a signal to all that `members` finds, or (`group=False`) to what has left the group; False if none is."""
    found = members(record)
    with contextlib.suppress(ProcessLookupError):
        if group and any(process.group == record.pid for process in found):
            os.killpg(record.pid, number)
    for process in found:
        if process.group != record.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
    return bool(found)


def stopping(record: Started) -> int:
    """The signal that tells the process to stop."""
    if record.stop_signal == "TERM":
        return TERM
    from deployer.core.signals import signal_number  # noqa: PLC0415 - few have another

    return signal_number(record.stop_signal)


def end(record: Started) -> bool:
    """Its stop_signal, and SIGKILL after its stop_timeout; whether nothing of the group is left."""
    if not signal(record, stopping(record)):
        return True
    patience = time.monotonic() + record.stop_timeout
    while time.monotonic() < patience + GRACE:
        if not members(record):
            return True
        if time.monotonic() >= patience:
            signal(record, KILL)
        time.sleep(0.02)
    return False
