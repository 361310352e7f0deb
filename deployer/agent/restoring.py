"""How does a host go back from a switch that is not confirmed to what served before?

`current` first, then the processes and where requests go; those that were to take their place end last.
"""

from __future__ import annotations

import contextlib
import time
from typing import Callable, Optional, Sequence

from deployer.agent import (
    disk_errors,
    durable,
    events,
    handing,
    look,
    pending,
    readiness,
    replacing,
    routing,
    schedules,
    sockets,
    stage,
)
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.managers import STARTING, STOPPING, UP, ProcessManager
from deployer.agent.pending import Pending, State
from deployer.agent.replacing import Change, Reroute
from deployer.agent.retiring import PATIENCE
from deployer.agent.timings import HURRY, Timings
from deployer.agent.waiting import until
from deployer.core import formation, turnover
from deployer.core.errors import DeployError, RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.message import message
from deployer.core.release import Spec
from deployer.core.strategy import DRAIN

AGAIN = 10.0  # seconds in which what is to serve again is tried again; another program may have its port meanwhile


@message
class Restored:
    """Whether what served before serves again (also where nothing did); if not, `told` says what is there instead.

    `runs`: all of it runs, and only the note that it was pending cannot be removed.
    """

    serves: bool
    told: str = ""
    runs: bool = False


def restore_pending(files: Layout, manager: ProcessManager, why: str, *, quick: bool = False) -> Restored:
    """Undo the pending switch, if any.

    What a broken disk refuses is tried twice, and then left pending for the next writer.  What serves then is looked
    at: processes that were not touched yet serve on, whatever the disk says.

    `quick` where nobody hears of it and the next command may be waiting: what binds a port has little time to stop,
    nothing else that ends is waited for, and what served before has to be up, but not to stay up for its whole time.
    """
    waiting = pending.read(files)
    if waiting is None:
        return Restored(serves=True)
    before = waiting.before
    version = before.version if before else None
    pending.give_room(files)
    events.note(files, "restoring", release=waiting.after.version, text=f"{why}; {serving(before)}")
    failed = _undo(files, manager, waiting, quick=quick)
    if isinstance(failed, OSError):
        failed = _undo(files, manager, waiting, quick=quick)
    point("restore.restored")
    told = _told(files, manager, waiting, failed) if failed else ""
    if told:
        events.note(
            files,
            "failing",
            release=version,
            text=told if isinstance(failed, DeployError) else f"{_words(failed)}: {told}",
        )
    events.note(files, "mixed" if told else "restored", release=version, text=why)
    if not (told and isinstance(failed, OSError)):  # else the next writer tries it again
        try:
            pending.forget(files)
        except OSError as error:
            if not told:
                return Restored(serves=False, told=f"{serving(before)}, but stays pending: {_words(error)}", runs=True)
    return Restored(not told, told)


def _undo(files: Layout, manager: ProcessManager, waiting: Pending, *, quick: bool) -> Optional[Exception]:
    """Put back the link, then the processes, even where the link refuses; what went wrong first."""
    failed: Optional[Exception] = None
    for put_back in (_point_back, _bring_back):
        try:
            put_back(files, manager, waiting, quick=quick)
        except (DeployError, OSError) as error:
            failed = failed or error
    return failed


def _point_back(files: Layout, _: ProcessManager, waiting: Pending, *, quick: bool) -> None:  # noqa: ARG001
    """Have `current` name what served before."""
    if waiting.before is None:
        durable.remove(files.current, name="current")
    elif look.current(files) != f"v{waiting.before.version}":
        durable.point_link(files.current, f"releases/v{waiting.before.version}", name="current")


def _told(files: Layout, manager: ProcessManager, waiting: Pending, failed: Exception) -> str:
    """What is otherwise than before; '' where all is as it was, although something `failed`."""
    before = waiting.before
    told = [] if isinstance(failed, OSError) else [_words(failed)]
    current = look.current(files)
    if current != (f"v{before.version}" if before else ""):
        told.append(f"`current` names {current or 'nothing'}")
    wanted = _names(files, before) if before else set()
    try:
        instances = manager.instances()
    except (DeployError, OSError) as error:
        return "; ".join([*told, f"what runs is not known: {_words(error)}"])
    alive = {(i.process.release, i.process.name) for i in instances if i.state in (UP, STARTING)}
    there = {(i.process.release, i.process.name) for i in instances if i.state != STOPPING}
    told += [f"{name} of v{version} does not run" for version, name in sorted(wanted - alive)]
    return "; ".join(told + [f"{name} of v{version} runs" for version, name in sorted(there - wanted)])


def _names(files: Layout, before: State) -> set[tuple[int, str]]:
    """The processes that are to run of a state, by release and name; not those that have a schedule."""
    timed: list[str] = []
    with contextlib.suppress(DeployError, OSError):  # the release is damaged: it says nothing any more
        timed = [kind.name for kind in stage.spec(files, before.version).launch.processes if kind.schedule]
    counts = {} if before.stopped else {kind: n for kind, n in before.formation.items() if kind not in timed}
    return {(before.version, f"{kind}.{number}") for kind, n in counts.items() for number in range(1, n + 1)}


def _words(error: Optional[Exception]) -> str:
    return disk_errors.message(error) if isinstance(error, OSError) else str(error)


def _bring_back(files: Layout, manager: ProcessManager, waiting: Pending, *, quick: bool) -> None:
    """Have exactly the processes of before run, and be sent to; those that were to take their place end last."""
    manager.ensure()
    spec = stage.spec(files, waiting.before.version) if waiting.before else None
    timings = _hurried(files, waiting) if quick else Timings()
    if waiting.before is None or spec is None:
        routing.remove(files)
        change = Change([], {}, replacing.beside_those_of([waiting.after.version], {}, files))
        _end(manager, change, replacing.bring(manager, change, check=_go_on, timings=timings), timings, quick=quick)
        schedules.apply(files, manager, None, {})
        return
    change = _as_it_was(files, manager, spec, waiting)
    reroute = rerouting(files, spec, _go_on, patience=HURRY if quick else PATIENCE)
    if quick:
        timings.settled(change.wanted)
    leaving = _brought(manager, change, reroute, timings)
    try:
        _await_up(manager, change, timings)
        routing.move(files, spec, change.wanted)
        schedules.apply(files, manager, spec, waiting.before.formation, stopped=waiting.before.stopped)
    finally:
        _end(manager, change, leaving, timings, quick=quick)


def _brought(manager: ProcessManager, change: Change, reroute: Reroute, timings: Timings) -> list[Process]:
    """Have all of these begun, though one of them does not come up: the others are not to be missing for that."""
    for left in range(len(change.wanted), -1, -1):
        try:
            return replacing.bring(manager, change, check=_go_on, reroute=reroute, timings=timings)
        except RunFailed:
            if not left:
                raise
    return []


def _await_up(manager: ProcessManager, change: Change, timings: Timings) -> None:
    """Wait until all are up, and try once more: whoever has taken a port in between may be gone in a moment."""
    deadline, tried = time.monotonic() + AGAIN, False
    while True:
        try:
            return readiness.await_ready(manager, change.wanted, change.types, check=_go_on, timings=timings)
        except RunFailed as failed:
            port = failed.details.get("port_held", {}).get("port")
            if time.monotonic() > deadline or (tried and not port) or (port and not _is_left(port, deadline)):
                raise
        tried = True
        up = {instance.process for instance in manager.instances() if instance.state == UP}
        late = [process for process in change.wanted if process not in up]
        manager.stop(late)
        manager.start(late, change.types)


def _is_left(port: int, deadline: float) -> bool:
    """Whether nobody listens on the port any more, before `deadline`."""
    return until(lambda: sockets.owner(port) is None, deadline - time.monotonic())


def _hurried(files: Layout, waiting: Pending) -> Timings:
    """The timings of a quick way back: what binds a port has little time to stop, what does not may be at a job."""
    timings = Timings()
    kinds: list[ProcessType] = []
    for state in (waiting.before, waiting.after):
        with contextlib.suppress(DeployError):  # damaged: it says nothing any more
            kinds += stage.spec(files, state.version).launch.processes if state else []
    timings.hurried = {kind.name for kind in kinds if kind.binds_port}
    return timings


def _end(manager: ProcessManager, change: Change, leaving: Sequence[Process], timings: Timings, *, quick: bool) -> None:
    """Have none of these any more; those that drain may be at a job of hours, and end by themselves."""
    ending = [p for p in leaving if change.ways.get(p.type) == DRAIN or (quick and p.type not in timings.hurried)]
    manager.stop(ending, wait=False)
    timings.stopping(manager, [process for process in leaving if process not in ending])


def rerouting(files: Layout, spec: Spec, check: Callable[[], None], *, patience: float = PATIENCE) -> Reroute:
    """How the router hears, in a switch to `spec`, which processes serve while one takes the place of another."""

    def reroute(serving: Sequence[Process]) -> None:
        known = routing.stored(files)
        if known is None or known.router.host or not serving or serving[0].type != spec.router.type:
            return
        leaving = [one for one in known.route.upstreams if one not in routing.upstreams(spec, serving)]
        routing.move(files, spec, serving)
        routing.drained(files, spec, leaving, patience, check)

    return reroute


def _go_on() -> None:
    """Nothing stops the host from going back."""


def _as_it_was(files: Layout, manager: ProcessManager, spec: Spec, waiting: Pending) -> Change:
    """The processes of `before` in the places that they had, whatever the switch has handed out."""
    assert waiting.before is not None
    before = waiting.before
    known, handed_out = pending.places(files), waiting.places
    ports = formation.allocate(spec.launch.processes, {**handed_out.ports, **known.ports}, sockets.free)
    places = formation.places(spec.launch.processes, ports, known.turns)
    wanted = before.processes(places)
    ways = turnover.strategies(spec.types, before.formation, spec.router.own)
    ways = replacing.beside_those_of([waiting.after.version], ways, files)
    present = [instance.process for instance in manager.instances()]
    changing = handing.moving(handed_out, places, wanted, present)
    changing |= handing.readdressed(manager, handed_out.shared, spec)
    return Change(wanted, spec.types, ways, handing=changing)


def serving(before: State | None) -> str:
    """What is told of a switch that was undone."""
    return f"v{before.version} serves again" if before else "nothing served before"
