"""What supervisord says of a process, told as every process manager tells it."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from deployer.agent import endings, procfs, started, supervisor_conf
from deployer.agent.managers import CRASHED, STARTING, STOPPED, STOPPING, UP, Instance
from deployer.agent.supervisor_daemon import launching
from deployer.core.formation import Process

DEAD, BOOTING, RUNNING, ENDING = (0, 100, 200), 10, 20, 40  # supervisor/states.py


def instance(
    root: str, key: str, wanted: Optional[Process], known: Optional[Mapping[str, Any]], dead: str
) -> Optional[Instance]:
    """The process of this key as people see it; None where it ended, and nobody had waited for that.

    `wanted` is what the files of the target in `root` say, `known` what supervisord does; `dead` why that is silent.
    """
    record = started.read(root, key)
    process = wanted or supervisor_conf.parse_key(key, record.port if record else 0)
    if process is None or (wanted is None and known is not None and known["state"] in DEAD):
        return None  # it ended, nobody having waited
    restarts = record.starts - 1 if record else 0
    if known is None and dead and record is not None and procfs.started(record.pid) == record.ticks:
        return Instance(process, UP, record.pid, record.at, restarts, dead, short=record.quick)
    if known is None:
        return Instance(process, STOPPED if dead else STARTING, 0, 0, restarts, dead)
    pid, running = known["pid"], known["state"] in (BOOTING, RUNNING)
    last = record.ended if running and record is not None and record.pid == pid else ""
    reason = "" if running and not restarts else last or started.last_exit(root, key) or known["spawnerr"]
    since = float(known["start"] if running else known["stop"])  # whole seconds: the launcher knows better
    if running and record is not None and record.pid == pid:
        state, since = UP, record.at
    elif running:  # what could not be recorded, on a full disk, is known by being no launcher any more
        state = UP if known["state"] == RUNNING and not launching(procfs.arguments(pid)) else STARTING
    elif known["state"] == ENDING:
        state = STOPPING
    elif known["state"] == 0:
        state = STOPPED if known["start"] else STARTING
    else:
        state = CRASHED
    crashed = 0.0 if state == UP else float(known["stop"])
    failing = state in (UP, CRASHED, STARTING) and endings.failing(record, crashed=crashed)
    return Instance(process, state, pid, since, restarts, reason, failing, record.quick if record else 0)
