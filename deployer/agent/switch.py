"""The switch: make a release and its formation run on this host, pending until the operator confirms it.

prepare: check → places → pending (durable) → guard → rehearsal, and what comes up beside the old ones on ports of its
own.  When all hosts of a batch have come so far, switch: `current` by one rename → launch → readiness → the router.
Whatever fails after `pending` was written is undone before the reply; whatever is cut off is undone by the guard or the
next session.  Old processes that still run end when the run is confirmed (agent/retiring.py).
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from typing import Optional

from deployer.agent import (
    choice,
    crash_loops,
    disk_errors,
    durable,
    events,
    file_times,
    handing,
    ledger,
    pending,
    ports,
    readiness,
    recovery,
    rehearsal,
    replacing,
    restoring,
    routing,
    schedules,
    shared_route,
    sockets,
    stage,
)
from deployer.agent import look as look_
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.guard import Guard
from deployer.agent.managers import STOPPING, Instance
from deployer.agent.pending import Pending, State
from deployer.agent.replacing import Change
from deployer.agent.timings import Timings
from deployer.core import formation, requests, turnover
from deployer.core.errors import DeployError, RunFailed, RunMixed
from deployer.core.formation import Places
from deployer.core.message import field, message
from deployer.core.release import Spec
from deployer.core.strategy import SOCKET


@message
class Prepared:
    """A switch that is ready to be done; with `same` nothing is to be changed."""

    request: requests.Prepare
    spec: Spec
    change: Change
    places: Places
    previous: Optional[int]
    begun: float
    same: bool
    timings: Timings = field(default_factory=Timings)


def prepare(request: requests.Prepare, host: Host) -> requests.Done:
    """Try all of a switch that touches nothing which serves; `RunFailed` if the release does not come up."""
    begun = time.monotonic()
    host.prepared = None  # the request to switch may be on its way already: it must not take this for done
    look = stage.spec if request.stopped else stage.check  # a damaged release can still be stopped
    spec = look(host.files, request.version)
    known = ledger.read(host.files)
    before = pending.confirmed(host.files, known)
    after = pending.State(request.version, request.formation, request.stopped)
    host.manager.ensure()
    instances = host.manager.instances()
    crash_loops.judge(host.files, before.version if before else None, instances)
    change, places = _change(request, host, spec, after, instances, fresh=before is None)
    running = {instance.process for instance in instances if instance.state != STOPPING}
    same = before == after and running == set(change.wanted) and not change.anew and not request.restart
    same = same and look_.current(host.files) == f"v{after.version}"
    timings = Timings(tell=host.session.phase)
    ready = Prepared(request, spec, change, places, before.version if before else None, begun, same, timings)
    if same:
        _settled_before(ready, instances, pending.confirmed_at(host.files, known))
    else:
        routing.check(host.files, spec, change.wanted)
        if not request.stopped:
            file_times.settle(host.files, request.version, request.times)
            if gap := choice.gap_at_boot(host.manager.kind, host.asked.manager):
                host.session.event("warning", gap)
        _check_ports(host, change, instances)
        retires = any(change.beside(process) for process in running if process not in change.wanted)
        cause, by, at, name = request.cause, request.by, request.at, host.asked.host
        waiting = Pending(request.attempt, before, after, cause, by, at, places, name, retires)
    host.prepared = ready
    if not same:
        with _undone_on_failure(host):
            pending.write(host.files, waiting)
            assert host.lock.descriptor is not None
            host.guard = Guard(host.program, host.files, host.lock.descriptor)
            _try(host, ready, untried=not known.succeeded(request.version))
    return requests.Done()


def _settled_before(ready: Prepared, instances: list[Instance], confirmed: float) -> None:
    """Nobody waits again for what the run that was `confirmed` has seen settle: what runs since before, in one life."""
    young = {instance.process.type for instance in instances if instance.restarts or instance.since >= confirmed}
    ready.timings.settled(process for process in ready.change.wanted if process.type not in young)


def _change(
    request: requests.Prepare, host: Host, spec: Spec, after: State, instances: list[Instance], *, fresh: bool
) -> tuple[Change, Places]:
    """What is to be done to `instances`, and where the wanted processes will be.

    On a host where no run is confirmed yet (`fresh`) what never came up may have lost a race for its ports.
    """
    kinds = spec.launch.processes
    given = Places() if fresh else pending.places(host.files)
    first = ports.allocated(host.files, kinds, given.ports, registry=ports.folder())
    here = formation.places(kinds, first, given.turns)
    present = [instance.process for instance in instances]
    ways = turnover.strategies(spec.types, after.formation, _routed(spec))
    ways = replacing.beside_those_of({p.release for p in present} - {after.version}, ways, host.files)
    own = [kind.name for kind in kinds if kind.binds_port and kind.listen != SOCKET]
    ending = [instance.process for instance in instances if instance.state == STOPPING]
    places = turnover.turned(
        here, after.processes(here), present, ways, again=request.restart, ending=ending, bound=own, free=sockets.free
    )
    wanted = after.processes(places)
    anew = [p for p in wanted if p in present and turnover.named(p, request.restart)]
    lost = handing.unheld(host.manager, given.shared, instances)
    anew += [p for p in wanted if p.type in lost and p in present and p not in anew]
    changing = (
        handing.moving(given, places, wanted, present) | handing.readdressed(host.manager, given.shared, spec) | lost
    )
    return Change(wanted, spec.types, ways, anew, changing), places


def _try(host: Host, ready: Prepared, *, untried: bool) -> None:
    """Have up what comes up beside the old ones, where nobody is sent to it yet; rehearse the rest of a new release."""
    trials = rehearsal.trials(host.manager, ready.change, ready.places) if untried else []
    rehearsal.rehearse(host.manager, trials, ready.change, check=host.session.check, timings=ready.timings)


def _routed(spec: Spec) -> list[str]:
    return list(spec.router.own)


def switch(request: requests.Switch, host: Host) -> requests.Switched:
    """Bring up what was prepared; `RunFailed` when it did not come up and what served before serves again."""
    ready = host.prepared
    if ready is None or ready.request.attempt != request.attempt:
        raise RunFailed("this switch was not prepared", hint="run the command again")
    if ready.same:
        wanted, check = ready.change.wanted, host.session.check
        readiness.await_ready(host.manager, wanted, ready.spec.types, check=check, timings=ready.timings)
        schedules.apply(host.files, host.manager, ready.spec, ready.request.formation, stopped=ready.request.stopped)
        routing.again(host.files)  # the router may have lost it
    else:
        with _undone_on_failure(host):
            _bring_up(host, ready)
    seconds, t = time.monotonic() - ready.begun, ready.timings
    given = ready.places.ports
    return requests.Switched(not ready.same, ready.previous, given, seconds, t.ready, t.stop, t.killed, t.gap)


@contextlib.contextmanager
def _undone_on_failure(host: Host) -> Iterator[None]:
    """Whatever fails, or is cut off, in this block is undone before it is told."""
    assert host.prepared is not None
    previous, version = host.prepared.previous, host.prepared.request.version
    try:
        yield
    except (DeployError, OSError) as failure:
        host.prepared = None
        error = failure if isinstance(failure, DeployError) else _of_the_host(failure, host)
        raise _undone(error, previous, version, _restored(host, error.message)) from failure
    except BaseException:  # the operator is lost, or this is a bug of ours: what served serves again all the same
        _restored(host, "it was cut off", quick=True)
        raise


def still_up(request: requests.StillUp, host: Host) -> requests.Done:
    """`RunFailed` where a process ended after it had settled, while other hosts were waited for."""
    ready = host.prepared
    if ready is not None and ready.request.attempt == request.attempt:
        readiness.check_still_up(host.manager, ready.change.wanted, ready.spec.types, timings=ready.timings)
    return requests.Done()


def restore(_: requests.Restore, host: Host) -> requests.Done:
    """Undo the pending switch, unless the ledger says that it succeeded: then it is confirmed."""
    waiting = pending.read(host.files)
    if waiting is not None and ledger.confirms(host.files, waiting.attempt):
        recovery.confirm_pending(host.files, waiting.attempt)
        return requests.Done()
    restored = _restored(host, "another host of the target failed")
    if not restored.serves:
        message = f"what served before did not come up again: {restored.told}"
        raise RunMixed(message, hint="`deploy events` and `deploy logs` tell why")
    return requests.Done()


def _restored(host: Host, why: str, *, quick: bool = False) -> restoring.Restored:
    try:
        restored = restoring.restore_pending(host.files, host.manager, why, quick=quick)
    except OSError as error:  # not even what is to be undone can be read
        restored = restoring.Restored(serves=False, told=disk_errors.message(error))
    if host.guard:
        host.guard.dismiss()
    return restored


def _bring_up(host: Host, ready: Prepared) -> None:
    request, files, change, check = ready.request, host.files, ready.change, host.session.check
    durable.point_link(files.current, f"releases/v{request.version}", name="current")
    events.note(files, "switched", release=request.version, text=request.cause)
    reroute = restoring.rerouting(files, ready.spec, check)

    def settle() -> None:
        rehearsal.settle(host.manager, change, check=check, timings=ready.timings)

    replacing.bring(
        host.manager,
        change,
        check=check,
        reroute=reroute,
        timings=ready.timings,
        settle=settle if ready.timings.trials else None,
    )
    point("switch.launched")
    readiness.await_ready(host.manager, change.wanted, change.types, check=check, timings=ready.timings)
    shared_route.leave(files, ready.spec, request.attempt)
    routing.move(files, ready.spec, change.wanted)
    schedules.apply(files, host.manager, ready.spec, request.formation, stopped=request.stopped)
    point("switch.ready")


def _check_ports(host: Host, change: Change, instances: list[Instance]) -> None:
    """Refuse what would find its port taken.  A socket that a type was given stays its own, from release to release."""
    given = pending.places(host.files)
    ours = {i.process.port for i in instances} | set(given.shared.values())
    for process in change.wanted:
        if change.types[process.type].binds_port and process.port not in ours and not sockets.free(process.port):
            owner = sockets.owner(process.port)
            by = f"pid {owner[0]} ({owner[1]})" if owner else "another program"
            raise RunFailed(
                f"port {process.port}, which {process.name} has, is held by {by}",
                hint=f"stop it, or give `processes.{process.type}.port` another first port in deploy.yaml",
            )


def _of_the_host(failure: OSError, host: Host) -> RunFailed:
    """The failure of a disk: it says nothing of the release."""
    root, details = host.files.root, {"errno": errno.errorcode.get(failure.errno or 0, "")}
    return RunFailed(disk_errors.message(failure, root), hint=disk_errors.hint(failure, root), details=details)


def _undone(error: DeployError, previous: int | None, version: int, restored: restoring.Restored) -> DeployError:
    """What is told of a switch that failed: `RunFailed` only where what served before serves again."""
    if not restored.serves:
        back = f"v{previous} did not come up again either" if previous else f"v{version} could not be taken away"
        message = f"{error.message}; {restored.told if restored.runs else f'{back}: {restored.told}'}"
        return RunMixed(message, hint=error.hint, output=error.output, details=error.details)
    again = "on, untouched" if error.details.get("rehearsed") else "again"
    serves = f"; v{previous} serves {again}"
    if previous is None:
        serves = f". v{version} did not start. There is no earlier release, so nothing is running"
    return RunFailed(f"{error.message}{serves}", hint=error.hint, output=error.output, details=error.details)
