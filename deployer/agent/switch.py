"""The switch: make a release and its formation run on this host, pending until the operator confirms it.

check → ports → pending (durable) → guard → rehearsal → `current` by one rename → launch → readiness.  Whatever fails
after `pending` was written is undone before the reply; whatever is cut off is undone by the guard or the next session.
"""

from __future__ import annotations

import time

from deployer.agent import durable, events, ledger, pending, readiness, recovery, rehearsal, rolling, sockets, stage
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.guard import Guard
from deployer.core import formation, requests
from deployer.core.errors import DeployError, RunFailed, RunMixed
from deployer.core.formation import Process
from deployer.core.release import Spec


def switch(request: requests.Switch, host: Host) -> requests.Switched:
    """Bring `version` with its formation up; `RunFailed` when it did not and what served before serves again."""
    begun = time.monotonic()
    look = stage.spec if request.stopped else stage.check  # a damaged release can still be stopped
    spec = look(host.files, request.version)
    before = pending.confirmed(host.files, ledger.read(host.files))
    after = pending.State(request.version, request.formation, request.stopped)
    host.manager.ensure()
    running = [instance.process for instance in host.manager.instances()]
    known = pending.ports(host.files) if before else {}  # what never came up may have lost a race for its ports
    ports = formation.allocate(spec.launch.processes, known, sockets.free)
    wanted = after.processes(ports)
    previous = before.version if before else None
    if before == after and set(running) == set(wanted) and not request.restart and _current(host) == after.version:
        readiness.await_ready(host.manager, wanted, spec.types, check=host.session.check)
        return requests.Switched(False, previous, ports, time.monotonic() - begun)  # noqa: FBT003
    _check_ports(spec, wanted, running)
    pending.write(host.files, _pending(request, host, before, after, ports))
    try:
        assert host.lock.descriptor is not None
        host.guard = Guard(host.program, host.files, host.lock.descriptor)
        _bring_up(request, host, spec, wanted)
    except (DeployError, OSError) as failure:
        error = failure if isinstance(failure, DeployError) else _of_the_host(failure)
        raise _undone(error, previous, restored=_restored(host, error.message)) from failure
    except BaseException:  # the operator is lost, or this is a bug of ours: what served serves again all the same
        _restored(host, "it was cut off")
        raise
    return requests.Switched(True, previous, ports, time.monotonic() - begun)  # noqa: FBT003


def restore(_: requests.Restore, host: Host) -> requests.Done:
    """Undo the pending switch."""
    if not _restored(host, "another host of the target failed"):
        raise RunMixed("what served before did not come up again", hint="`deploy events` and `deploy logs` tell why")
    return requests.Done()


def _pending(
    request: requests.Switch, host: Host, before: pending.State | None, after: pending.State, ports: dict[str, int]
) -> pending.Pending:
    cause, by, at = request.cause, request.by, request.at
    return pending.Pending(request.attempt, before, after, cause, by, at, ports, host.asked.host)


def _restored(host: Host, why: str) -> bool:
    serves = recovery.restore_pending(host.files, host.manager, why)
    if host.guard:
        host.guard.dismiss()
    return serves


def _bring_up(request: requests.Switch, host: Host, spec: Spec, wanted: list[Process]) -> None:
    if not ledger.read(host.files).succeeded(request.version):
        rehearsal.rehearse(host.manager, wanted, spec.types, check=host.session.check)
    durable.point_link(host.files.current, f"releases/v{request.version}", name="current")
    events.note(host.files, "switched", release=request.version, text=request.cause)
    check = host.session.check
    rolling.bring(host.manager, wanted, spec.types, check=check, again=request.restart)
    point("switch.launched")
    readiness.await_ready(host.manager, wanted, spec.types, check=check)
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


def _current(host: Host) -> int | None:
    from deployer.agent.look import current  # noqa: PLC0415 - look imports much that a switch does not need

    name = current(host.files)
    return int(name[1:]) if name[1:].isdigit() else None
