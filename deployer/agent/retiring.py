"""How do old processes end that new ones came up beside?  When the run is confirmed, and nobody is sent to them.

They are told to stop, and have `stop_timeout` to finish what they are at; nobody waits for that.  `run/retiring` is
there from the confirmation until they have been told: whoever holds the lock next tells them, should this be cut off.
"""

from __future__ import annotations

import contextlib
from typing import Callable

from deployer.agent import durable, events, ledger, pending, routing, stage
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPING, ProcessManager
from deployer.core import requests
from deployer.core.errors import DeployError
from deployer.core.formation import Process
from deployer.core.release import Spec
from deployer.core.routing import Upstream

PATIENCE = 10.0  # seconds that a request may take, which was sent to an old process, before that is told to stop


def retire(_: requests.Retire, host: Host) -> requests.Done:
    """Tell the processes to stop that run beside those of the confirmed run."""
    finish(host.files, host.manager, check=host.session.check)
    return requests.Done()


def finish(files: Layout, manager: ProcessManager, *, check: Callable[[], None] = lambda: None) -> None:
    """Have no process run on but those of the confirmed run, if there are such to be told."""
    if not (files.run / pending.RETIRING).exists():
        return
    state = pending.confirmed(files, ledger.read(files))
    wanted = state.processes(pending.places(files)) if state else []
    leaving = [i.process for i in manager.instances() if i.process not in wanted and i.state != STOPPING]
    if state and leaving:
        _drain(files, stage.spec(files, state.version), wanted, leaving, check)
        for version in sorted({process.release for process in leaving}):
            names = ", ".join(process.name for process in leaving if process.release == version)
            events.note(files, "retired", release=version, text=f"{names}: told to stop")
        manager.stop(leaving, wait=False)
        point("retiring.told")
    durable.remove(files.run / pending.RETIRING, name="retiring")


def _drain(
    files: Layout, spec: Spec, serving: list[Process], leaving: list[Process], check: Callable[[], None]
) -> None:
    """Wait a while for the requests that the router has sent to the old ones, and that have not ended yet."""
    kept = routing.upstreams(spec, serving)
    old = [upstream for upstream in _upstreams(files, leaving) if upstream not in kept]
    longest = max((kind.stop_timeout for kind in spec.launch.processes if kind.name == spec.router.type), default=0.0)
    routing.drained(files, spec, old, min(PATIENCE, longest), check)


def _upstreams(files: Layout, leaving: list[Process]) -> list[Upstream]:
    """Where the old ones are that a router sent requests to, as their releases had it."""
    found: list[Upstream] = []
    for version in {process.release for process in leaving}:
        with contextlib.suppress(DeployError):  # damaged, or pruned: it says nothing any more
            spec = stage.spec(files, version)
            found += routing.upstreams(spec, [process for process in leaving if process.release == version])
    return found
