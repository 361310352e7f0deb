"""Can a release come up at all?  Tried on a spare port, while the release before it still serves.

A port can have one owner: a process that replaces another has to end it first.  A release that never ran well is
therefore brought up beside the old one once, as `web.0`; what cannot come up is found out before anything is touched.
"""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from deployer.agent import readiness, sockets
from deployer.agent.fault import point
from deployer.agent.managers import ProcessManager
from deployer.core.errors import RunFailed
from deployer.core.formation import TYPE_STEP, Process
from deployer.core.manifest import ProcessType

NUMBER = 0


def rehearse(
    manager: ProcessManager,
    wanted: Sequence[Process],
    types: Mapping[str, ProcessType],
    *,
    check: Callable[[], None],
) -> None:
    """Bring one process of each type up that would take its port from an older release; `RunFailed` if one does not.

    Types that update `stop-first` are left out: two of those must never run.
    """
    running = {(instance.process.type, instance.process.release) for instance in manager.instances()}
    first = [process for process in wanted if process.number == 1 and types[process.type].binds_port]
    replacing = [p for p in first if any(kind == p.type and release != p.release for kind, release in running)]
    trials = [_trial(p) for p in replacing if types[p.type].update != "stop-first"]
    if not trials:
        return
    point("rehearsal.start")
    try:
        manager.start(trials, types)
        readiness.await_ready(manager, trials, types, check=check)
    except RunFailed as error:
        error.details["rehearsed"] = True  # what served was not touched
        raise
    finally:
        manager.stop(trials)
    point("rehearsal.ended")


def _trial(process: Process) -> Process:
    spare = next((p for p in range(process.port + TYPE_STEP - 1, process.port, -1) if sockets.free(p)), None)
    if spare is None:
        raise RunFailed(f"no port above {process.port} is free to try {process.type} on")
    return Process(process.release, process.type, NUMBER, spare)
