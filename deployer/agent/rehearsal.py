"""Can a release come up at all?  Tried on a spare port, while the release before it still serves.

A port can have one owner: a process that replaces another has to end it first.  And what is given a socket that the
old ones have too is sent requests as soon as it takes one.  A release that never ran well is therefore brought up
beside the old one once, as `web.0`; what cannot come up is found out before anything is touched.
"""

from __future__ import annotations

from typing import Callable, Sequence

from deployer.agent import readiness, sockets
from deployer.agent.fault import point
from deployer.agent.managers import ProcessManager
from deployer.agent.replacing import Change, coming_beside
from deployer.agent.timings import HURRY, Timings
from deployer.core.errors import DeployError, RunFailed
from deployer.core.formation import TYPE_STEP, Places, Process
from deployer.core.strategy import STOP_FIRST

NUMBER = 0


def rehearse(
    manager: ProcessManager, trials: Sequence[Process], change: Change, *, check: Callable[[], None], timings: Timings
) -> None:
    """Bring these up and, at the same time, what comes up beside the old ones; `RunFailed` if one does not.

    They settle here, so that nothing of their types has to after the switch; but where something is to settle then
    anyway, which cannot be tried before, all do so together (`settle`): nobody is waited for twice.
    """
    beside = coming_beside(manager, change)
    if not trials and not beside:
        return
    if trials:
        point("rehearsal.start")
    alone = not silent(manager, change)
    try:
        manager.start([*trials, *beside], change.types)
        readiness.await_ready(manager, [*trials, *beside], change.types, check=check, timings=timings, settle=alone)
    except BaseException as error:
        if isinstance(error, RunFailed):
            error.details["rehearsed"] = True  # what served was not touched
        manager.stop(trials, within=None if isinstance(error, DeployError) else HURRY)
        raise
    if alone:
        timings.settled([*trials, *beside])
        manager.stop(trials, check=check)
    else:
        timings.trials = list(trials)
    if trials:
        point("rehearsal.ended")


def silent(manager: ProcessManager, change: Change) -> list[Process]:
    """Those that are to start and bind no port: nobody notices while they take the place of the old ones."""
    present = {instance.process for instance in manager.instances()} - set(change.anew)
    return [p for p in change.wanted if p not in present and not change.types[p.type].binds_port]


def settle(manager: ProcessManager, change: Change, *, check: Callable[[], None], timings: Timings) -> None:
    """Wait for the trials that run still, together with all that has started meanwhile; then end them."""
    running = {instance.process for instance in manager.instances()}
    begun = [p for p in change.wanted if p in running]
    try:
        readiness.await_ready(manager, [*timings.trials, *begun], change.types, check=check, timings=timings)
    finally:
        manager.stop(timings.trials, check=check)
    timings.settled([*timings.trials, *begun])


def trials(manager: ProcessManager, change: Change, places: Places) -> list[Process]:
    """One process of each type that would take its port from an older release, on a spare port.

    Left out are types that come up beside the old ones as themselves, and those of which two must never run.
    """
    releases = {process.release for process in change.wanted}
    others = [i.process for i in manager.instances() if i.process.release not in releases]
    first = [p for p in change.wanted if p.ordinal == 1 and change.types[p.type].binds_port]
    replacing = [p for p in first if any(p.type == other.type or p.port == other.port for other in others)]
    replacing = [p for p in replacing if not (change.beside(p) and change.takes_port(p))]
    return [_trial(p, places.ports[p.type]) for p in replacing if change.ways[p.type] != STOP_FIRST]


def _trial(process: Process, first: int) -> Process:
    spare = next((port for port in range(first + TYPE_STEP - 1, first, -1) if sockets.free(port)), None)
    if spare is None:
        raise RunFailed(f"no port above {first} is free to try {process.type} on")
    return Process(process.release, process.type, NUMBER, spare)
