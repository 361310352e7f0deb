"""What does the host put right by itself?  What an interrupted command left: pending switches and half-made things.

The ledger decides: a pending switch whose attempt has a record that it succeeded is confirmed, any other is undone.
"""

from __future__ import annotations

import os
import re
import time
from typing import Callable, Sequence

from deployer.agent import (
    durable,
    events,
    ledger,
    look,
    pending,
    readiness,
    replacing,
    retiring,
    routing,
    schedules,
    shared_route,
    sockets,
    stage,
)
from deployer.agent.command import end_leftover_command
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.managers import ProcessManager
from deployer.agent.pending import Pending, State
from deployer.agent.replacing import Change, Reroute
from deployer.agent.retiring import PATIENCE
from deployer.agent.supervisor_conf import PROCESSES
from deployer.agent.unit_files import WANTED
from deployer.core import formation, turnover
from deployer.core.errors import DeployError, Drift
from deployer.core.formation import Process
from deployer.core.ledger import SUCCEEDED
from deployer.core.names import release_number
from deployer.core.release import Spec

UNLOCKED = re.compile(re.escape(durable.TEMPORARY) + r"(target|[0-9a-f]{64}\.pyz)-")
YOUNG = 60.0  # seconds


def recover(files: Layout, manager: ProcessManager) -> list[str]:
    """Clean up after whoever held the lock before; tell what was done.  Only the holder of the lock may."""
    return [*end_leftover_command(files), *sweep(files), *settle(files, manager, "it was cut off")]


def settle(files: Layout, manager: ProcessManager, why: str) -> list[str]:
    """Confirm the pending switch and route, or undo them: the ledger decides.  Tell which; nothing where none is."""
    return [*_settle_switch(files, manager, why), *shared_route.settle(files)]


def _settle_switch(files: Layout, manager: ProcessManager, why: str) -> list[str]:
    waiting = pending.read(files)
    if waiting is None:
        retiring.finish(files, manager)
        return []
    if any(run.attempt == waiting.attempt and run.outcome == SUCCEEDED for run in ledger.read(files).runs[-1:]):
        confirm_pending(files, waiting.attempt)
        retiring.finish(files, manager)
        return [f"the run of v{waiting.after.version} was confirmed"]
    restore_pending(files, manager, why)
    return [f"the run of v{waiting.after.version} was cut off; {_serving(waiting.before)}"]


def sweep(files: Layout) -> list[str]:
    """Remove temporary files, and release directories that no record names."""
    told = []
    for folder in (
        files.root,
        files.releases,
        files.ledger,
        files.run,
        files.agent,
        files.root / PROCESSES,
        files.root / WANTED,
    ):
        for name in _names(folder):
            if name.startswith(durable.TEMPORARY) and not _being_made(folder / name):
                durable.remove(folder / name, name="sweep")
    recorded = ledger.read(files).releases
    serving = look.current(files)
    if serving and release_number(serving) not in recorded and not ledger.set_aside(files):
        # what was cut off is never switched to; what a history served that was set aside serves until the next run
        raise Drift(f"the ledger does not know {serving}, which `current` names", hint="put the ledger's records back")
    for name in _names(files.releases):
        if name[1:].isdigit() and int(name[1:]) not in recorded and name != serving:
            durable.remove(files.releases / name, name="sweep")
            told.append(f"{name} was never finished; its directory was removed")
    return told


def _being_made(path: os.PathLike[str]) -> bool:
    """Whether a session that does not hold the lock (yet) is just writing it: the agent's program, the root's mark."""
    if not UNLOCKED.match(os.path.basename(path)):
        return False
    try:
        return abs(time.time() - os.lstat(path).st_mtime) < YOUNG
    except FileNotFoundError:  # it has its name now
        return True


def restore_pending(files: Layout, manager: ProcessManager, why: str) -> bool:
    """Undo the pending switch, if any; whether what served before serves again (True where nothing did)."""
    waiting = pending.read(files)
    if waiting is None:
        return True
    before, after = waiting.before, waiting.after
    pending.give_room(files)
    events.note(files, "restoring", release=after.version, text=f"{why}; {_serving(before)}")
    if before is None:
        durable.remove(files.current, name="current")
    else:
        durable.point_link(files.current, f"releases/v{before.version}", name="current")
    serves = True
    try:
        manager.ensure()
        _bring_back(files, manager, waiting)
    except (DeployError, OSError) as error:
        serves = False
        events.note(files, "failing", release=before.version if before else None, text=str(error))
    point("restore.restored")
    events.note(files, "restored" if serves else "mixed", release=before.version if before else None, text=why)
    pending.forget(files)
    return serves


def _bring_back(files: Layout, manager: ProcessManager, waiting: Pending) -> None:
    """Have exactly the processes of before run, and be sent to; those that were to take their place end last."""
    spec = stage.spec(files, waiting.before.version) if waiting.before else None
    if waiting.before is None or spec is None:
        routing.remove(files)
        replacing.bring(manager, Change([], {}, {}), check=_go_on)
        schedules.apply(files, manager, None, {})
        return
    change = _as_it_was(files, spec, waiting.before, waiting)
    leaving = replacing.bring(manager, change, check=_go_on, reroute=rerouting(files, spec, _go_on))
    try:
        readiness.await_ready(manager, change.wanted, change.types, check=_go_on)
        routing.move(files, spec, change.wanted)
        schedules.apply(files, manager, spec, waiting.before.formation, stopped=waiting.before.stopped)
    finally:
        manager.stop(leaving)


def rerouting(files: Layout, spec: Spec, check: Callable[[], None]) -> Reroute:
    """How the router hears, in a switch to `spec`, which processes serve while one takes the place of another."""

    def reroute(serving: Sequence[Process]) -> None:
        known = routing.stored(files)
        if known is None or known.router.host or not serving or serving[0].type != spec.router.type:
            return
        leaving = [one for one in known.route.upstreams if one not in routing.upstreams(spec, serving)]
        routing.move(files, spec, serving)
        routing.drained(files, spec, leaving, PATIENCE, check)

    return reroute


def _go_on() -> None:
    """Nothing stops the host from going back."""


def confirm_pending(files: Layout, attempt: str) -> None:
    """The run is in the ledger: the switch stays.

    Where the disk is full it stays pending as well, until the next holder of the lock confirms it.
    """
    waiting = pending.read(files)
    if waiting is not None and waiting.attempt == attempt:
        try:
            pending.keep_places(files, waiting.places)
            pending.keep_name(files, waiting.host)
            if waiting.retires:
                retiring.begin(files)
        except OSError:
            return
        events.note(files, "confirmed", release=waiting.after.version)
        pending.forget(files)


def _as_it_was(files: Layout, spec: Spec, before: State, waiting: Pending) -> Change:
    """The processes of `before` in the places that they had, whatever the switch has handed out."""
    known, handed_out = pending.places(files), waiting.places
    ports = formation.allocate(spec.launch.processes, {**handed_out.ports, **known.ports}, sockets.free)
    wanted = before.processes(formation.places(spec.launch.processes, ports, known.turns))
    ways = turnover.strategies(spec.types, before.formation, spec.router.own)
    ways = replacing.apart(ways, files, [waiting.after.version])
    return Change(wanted, spec.types, ways, handing=set(handed_out.sockets) ^ set(known.sockets))


def _serving(before: pending.State | None) -> str:
    return f"v{before.version} serves again" if before else "nothing served before"


def _names(folder: os.PathLike[str]) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
