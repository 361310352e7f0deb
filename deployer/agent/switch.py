"""The switch: make a release and its formation run on this host, pending until the operator confirms it.

prepare: check → ports → pending (durable) → guard → rehearsal.  When all hosts of a batch have come so far, switch:
`current` by one rename → launch → readiness.  Whatever fails
after `pending` was written is undone before the reply; whatever is cut off is undone by the guard or the next session.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Optional

from deployer.agent import durable, events, ledger, pending, readiness, recovery, rehearsal, rolling, sockets, stage
from deployer.agent import look as look_
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.guard import Guard
from deployer.core import formation, requests
from deployer.core.errors import DeployError, RunFailed, RunMixed
from deployer.core.formation import Process
from deployer.core.message import message
from deployer.core.release import Spec


@message
class Prepared:
    """A switch that is ready to be done; with `same` nothing is to be changed."""

    request: requests.Prepare
    spec: Spec
    wanted: list[Process]
    ports: dict[str, int]
    previous: Optional[int]
    begun: float
    same: bool


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
    running = [instance.process for instance in host.manager.instances()]
    handed_out = pending.ports(host.files) if before else {}  # what never came up may have lost a race for its ports
    ports = formation.allocate(spec.launch.processes, handed_out, sockets.free)
    wanted = after.processes(ports)
    same = before == after and set(running) == set(wanted) and not request.restart
    same = same and look_.current(host.files) == f"v{after.version}"
    if not same:
        _check_ports(spec, wanted, running)
        pending.write(host.files, _pending(request, host, before, after, ports))
    host.prepared = Prepared(request, spec, wanted, ports, before.version if before else None, begun, same)
    if not same:
        with _undone_on_failure(host):
            assert host.lock.descriptor is not None
            host.guard = Guard(host.program, host.files, host.lock.descriptor)
            if not known.succeeded(request.version):
                rehearsal.rehearse(host.manager, wanted, spec.types, check=host.session.check)
    return requests.Done()


def switch(request: requests.Switch, host: Host) -> requests.Switched:
    """Bring up what was prepared; `RunFailed` when it did not come up and what served before serves again."""
    ready = host.prepared
    if ready is None or ready.request.attempt != request.attempt:
        raise RunFailed("this switch was not prepared", hint="run the command again")
    if ready.same:
        readiness.await_ready(host.manager, ready.wanted, ready.spec.types, check=host.session.check)
    else:
        with _undone_on_failure(host):
            _bring_up(host, ready)
    return requests.Switched(not ready.same, ready.previous, ready.ports, time.monotonic() - ready.begun)


@contextlib.contextmanager
def _undone_on_failure(host: Host) -> Iterator[None]:
    """Whatever fails, or is cut off, in this block is undone before it is told."""
    assert host.prepared is not None
    previous = host.prepared.previous
    try:
        yield
    except (DeployError, OSError) as failure:
        host.prepared = None
        error = failure if isinstance(failure, DeployError) else _of_the_host(failure)
        raise _undone(error, previous, restored=_restored(host, error.message)) from failure
    except BaseException:  # the operator is lost, or this is a bug of ours: what served serves again all the same
        _restored(host, "it was cut off")
        raise


def restore(_: requests.Restore, host: Host) -> requests.Done:
    """Undo the pending switch."""
    if not _restored(host, "another host of the target failed"):
        raise RunMixed("what served before did not come up again", hint="`deploy events` and `deploy logs` tell why")
    return requests.Done()


def _pending(
    request: requests.Prepare, host: Host, before: pending.State | None, after: pending.State, ports: dict[str, int]
) -> pending.Pending:
    cause, by, at = request.cause, request.by, request.at
    return pending.Pending(request.attempt, before, after, cause, by, at, ports, host.asked.host)


def _restored(host: Host, why: str) -> bool:
    serves = recovery.restore_pending(host.files, host.manager, why)
    if host.guard:
        host.guard.dismiss()
    return serves


def _bring_up(host: Host, ready: Prepared) -> None:
    request, types, check = ready.request, ready.spec.types, host.session.check
    durable.point_link(host.files.current, f"releases/v{request.version}", name="current")
    events.note(host.files, "switched", release=request.version, text=request.cause)
    rolling.bring(host.manager, ready.wanted, types, check=check, again=request.restart)
    point("switch.launched")
    readiness.await_ready(host.manager, ready.wanted, types, check=check)
    point("switch.ready")


def _check_ports(spec: Spec, wanted: list[Process], running: list[Process]) -> None:
    ours = {process.port for process in running}
    for process in wanted:
        if spec.types[process.type].binds_port and process.port not in ours and not sockets.free(process.port):
            owner = sockets.owner(process.port)
            by = f"pid {owner[0]} ({owner[1]})" if owner else "another program"
            raise RunFailed(
                f"port {process.port}, which {process.name} has, is held by {by}",
                hint=f"stop it, or give `processes.{process.type}.port` another first port in deploy.yaml",
            )


def _of_the_host(failure: OSError) -> RunFailed:
    return RunFailed(f"{failure.filename or 'this host'}: {failure.strerror}", hint="mend this and run it again")


def _undone(error: DeployError, previous: int | None, *, restored: bool) -> DeployError:
    again = "on, untouched" if error.details.get("rehearsed") else "again"
    serves = f"v{previous} serves {again}" if previous else "nothing served before, nothing serves now"
    cls = RunFailed if restored else RunMixed
    message = f"{error.message}; {serves}" if restored else f"{error.message}; v{previous} did not come up again either"
    return cls(message, hint=error.hint, output=error.output, details=error.details)
