"""What runs after the host was booted?  The formation of `current`, and nothing else.

Started by the one unit of a target that systemd starts with the host; the units of processes never start by
themselves.  A switch that was cut off with the host's power is first confirmed or put back, as the ledger says.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Sequence

from deployer.agent import disk_errors, events, ledger, pending, recovery, routing, schedules, stage
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.lock import Lock
from deployer.agent.managers import ProcessManager, manager_of
from deployer.core import formation
from deployer.core.errors import DeployError
from deployer.core.formation import Process
from deployer.core.release import Spec

WAIT = 600.0  # seconds: whoever holds the lock just after a boot has begun a session of his own
PATIENCE, PAUSE = 60.0, 0.2  # seconds that a router may take to answer, and between two questions


def main(arguments: list[str]) -> None:
    """`ROOT APP TARGET`; ends with 1 and the reason where the formation cannot be started."""
    root, app, target = arguments
    files = Layout(Path(root), app, target)
    lock = Lock(files.lock)
    holder = {"who": "the host itself", "command": "boot", "at": events.now()}
    try:
        lock.take(holder, WAIT, _say, lambda: None)
        begin(files, manager_of(files))
    except DeployError as error:
        events.note(files, "failing", release=None, text=f"after the boot: {error.message}")
        sys.exit(f"{error.message}\n{error.hint}")
    except OSError as error:
        told = disk_errors.message(error, files.root)
        events.note(files, "failing", release=None, text=f"after the boot: {told}")
        sys.exit(f"{told}\n{disk_errors.hint(error, files.root)}")
    finally:
        lock.release()


def begin(files: Layout, manager: ProcessManager) -> None:
    """Settle what was pending, then run exactly what the ledger says is current."""
    for told in recovery.recover(files, manager):
        _say(told)
    state = pending.confirmed(files, ledger.read(files))
    manager.ensure()
    if state is None:
        return
    spec = stage.spec(files, state.version)
    known = pending.places(files)
    ports = formation.allocate(spec.launch.processes, known.ports, lambda _: True)
    wanted = state.processes(formation.places(spec.launch.processes, ports, known.turns))
    manager.stop([instance.process for instance in manager.instances() if instance.process not in wanted])
    point("boot.start")
    manager.start(wanted, spec.types)
    schedules.apply(files, manager, spec, state.formation, stopped=state.stopped)
    events.note(files, "booted", release=state.version, text=f"{len(wanted)} processes")
    _route(files, spec, wanted)


def _route(files: Layout, spec: Spec, wanted: Sequence[Process]) -> None:
    """Have requests go to what runs, once the router answers, where what it was last told says otherwise.

    That is so where it was not up yet when a switch was undone.  What it was last told it hears again by itself.
    """
    known = routing.stored(files)
    has = known.route.upstreams if known else ()
    if spec.router.host or (known and known.router.host) or set(has) == set(routing.upstreams(spec, wanted)):
        return
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            routing.move(files, spec, wanted)
            return
        except DeployError:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
