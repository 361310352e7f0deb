"""What runs after the host was booted?  The formation of `current`, and nothing else.

Started by the one unit of a target that systemd starts with the host; the units of processes never start by
themselves.  A switch that was cut off with the host's power is first confirmed or put back, as the ledger says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deployer.agent import events, ledger, pending, recovery, schedules, stage
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.lock import Lock
from deployer.agent.managers import ProcessManager, manager_of
from deployer.core import formation
from deployer.core.errors import DeployError

WAIT = 600.0  # seconds: whoever holds the lock just after a boot has begun a session of his own


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


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
