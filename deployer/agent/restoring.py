"""How does a host go back from a switch that is not confirmed to what served before?

`current` first, then the processes and where requests go; those that were to take their place end last.
"""

from __future__ import annotations

from typing import Callable, Sequence

from deployer.agent import durable, events, pending, readiness, replacing, routing, schedules, sockets, stage
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.managers import ProcessManager
from deployer.agent.pending import Pending, State
from deployer.agent.replacing import Change, Reroute
from deployer.agent.retiring import PATIENCE
from deployer.agent.timings import Timings
from deployer.core import formation, turnover
from deployer.core.errors import DeployError
from deployer.core.formation import Process
from deployer.core.release import Spec
from deployer.core.strategy import DRAIN


def restore_pending(files: Layout, manager: ProcessManager, why: str) -> bool:
    """Undo the pending switch, if any; whether what served before serves again (True where nothing did)."""
    waiting = pending.read(files)
    if waiting is None:
        return True
    before, after = waiting.before, waiting.after
    pending.give_room(files)
    events.note(files, "restoring", release=after.version, text=f"{why}; {serving(before)}")
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
        change = Change([], {}, replacing.beside_those_of([waiting.after.version], {}, files))
        _end(manager, change, replacing.bring(manager, change, check=_go_on))
        schedules.apply(files, manager, None, {})
        return
    change = _as_it_was(files, spec, waiting.before, waiting)
    reroute, timings = rerouting(files, spec, _go_on), Timings()
    leaving = replacing.bring(manager, change, check=_go_on, reroute=reroute, timings=timings)
    try:
        readiness.await_ready(manager, change.wanted, change.types, check=_go_on, timings=timings)
        routing.move(files, spec, change.wanted)
        schedules.apply(files, manager, spec, waiting.before.formation, stopped=waiting.before.stopped)
    finally:
        _end(manager, change, leaving)


def _end(manager: ProcessManager, change: Change, leaving: Sequence[Process]) -> None:
    """Have none of these any more; those that drain may be at a job of hours, and end by themselves."""
    draining = [process for process in leaving if change.ways.get(process.type) == DRAIN]
    manager.stop(draining, wait=False)
    manager.stop([process for process in leaving if process not in draining])


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


def _as_it_was(files: Layout, spec: Spec, before: State, waiting: Pending) -> Change:
    """The processes of `before` in the places that they had, whatever the switch has handed out."""
    known, handed_out = pending.places(files), waiting.places
    ports = formation.allocate(spec.launch.processes, {**handed_out.ports, **known.ports}, sockets.free)
    wanted = before.processes(formation.places(spec.launch.processes, ports, known.turns))
    ways = turnover.strategies(spec.types, before.formation, spec.router.own)
    ways = replacing.beside_those_of([waiting.after.version], ways, files)
    return Change(wanted, spec.types, ways, handing=set(handed_out.sockets) ^ set(known.sockets))


def serving(before: State | None) -> str:
    """What is told of a switch that was undone."""
    return f"v{before.version} serves again" if before else "nothing served before"
