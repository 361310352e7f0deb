"""Can a release come up at all?  Tried on a spare port, while the release before it still serves.

A port can have one owner: a process that replaces another has to end it first.  And what is given a socket that the
old ones have too is sent requests as soon as it takes one.  A release that never ran well is therefore brought up
beside the old one once, as `web.0`; what cannot come up is found out before anything is touched.
"""

from __future__ import annotations

from typing import Callable

from deployer.agent import readiness, sockets
from deployer.agent.fault import point
from deployer.agent.managers import ProcessManager
from deployer.agent.replacing import Change
from deployer.core.errors import RunFailed
from deployer.core.formation import TYPE_STEP, Places, Process
from deployer.core.strategy import STOP_FIRST

NUMBER = 0


def rehearse(manager: ProcessManager, change: Change, places: Places, *, check: Callable[[], None]) -> None:
    """Bring one process of each type up that would take its port from an older release; `RunFailed` if one does not.

    Left out are types that come up beside the old ones as themselves, and those of which two must never run.
    """
    running = {(instance.process.type, instance.process.release) for instance in manager.instances()}
    first = [p for p in change.wanted if p.ordinal == 1 and change.types[p.type].binds_port]
    replacing = [p for p in first if any(kind == p.type and release != p.release for kind, release in running)]
    replacing = [p for p in replacing if not (change.beside(p) and change.takes_port(p))]
    trials = [_trial(p, places.ports[p.type]) for p in replacing if change.ways[p.type] != STOP_FIRST]
    if not trials:
        return
    point("rehearsal.start")
    try:
        manager.start(trials, change.types)
        readiness.await_ready(manager, trials, change.types, check=check)
    except RunFailed as error:
        error.details["rehearsed"] = True  # what served was not touched
        raise
    finally:
        manager.stop(trials)
    point("rehearsal.ended")


def _trial(process: Process, first: int) -> Process:
    spare = next((port for port in range(first + TYPE_STEP - 1, first, -1) if sockets.free(port)), None)
    if spare is None:
        raise RunFailed(f"no port above {first} is free to try {process.type} on")
    return Process(process.release, process.type, NUMBER, spare)
