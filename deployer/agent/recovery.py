"""What does the host put right by itself?  What an interrupted command left: pending switches and half-made things.

The ledger decides: a pending switch whose attempt has a record that it succeeded is confirmed, any other is undone.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from deployer.agent import durable, events, ledger, look, pending
from deployer.agent.command import end_leftover_command
from deployer.agent.layout import Layout
from deployer.agent.managers import ProcessManager
from deployer.agent.supervisor_conf import PROCESSES
from deployer.agent.unit_files import WANTED
from deployer.core.errors import Drift
from deployer.core.names import release_number

UNLOCKED = re.compile(re.escape(durable.TEMPORARY) + r"(target|[0-9a-f]{64}\.pyz)-")
YOUNG = 60.0  # seconds
ABANDONED = 3600.0  # seconds: a build that writes here needs no lock of the target


def recover(files: Layout, manager: ProcessManager) -> list[str]:
    """Clean up after whoever held the lock before; tell what was done.  Only the holder of the lock may."""
    return [*end_leftover_command(files), *sweep(files), *settle(files, manager, "it was cut off")]


def settle(files: Layout, manager: ProcessManager, why: str) -> list[str]:
    """Confirm the pending switch and route, or undo them: the ledger decides.  Tell which; nothing where none is.

    What is needed for that is loaded only where it is: most sessions find nothing.
    """
    told = _settle_switch(files, manager, why)
    if (files.run / pending.RETIRING).exists():
        from deployer.agent import retiring  # noqa: PLC0415

        retiring.finish(files, manager)
    if (files.run / pending.ROUTE).exists():
        from deployer.agent import shared_route  # noqa: PLC0415

        told += shared_route.settle(files)
    return told


def _settle_switch(files: Layout, manager: ProcessManager, why: str) -> list[str]:
    waiting = pending.read(files)
    if waiting is None:
        return []
    if ledger.confirms(files, waiting.attempt):
        confirm_pending(files, waiting.attempt)
        return [f"the run of v{waiting.after.version} was confirmed"]
    from deployer.agent import restoring  # noqa: PLC0415

    restored = restoring.restore_pending(files, manager, why, quick=True)
    how = restoring.serving(waiting.before) if restored.serves else f"it could not be undone: {restored.told}"
    return [f"the run of v{waiting.after.version} was cut off; {how}"]


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
    for build in _names(files.builds):
        for name in _names(files.builds / build):
            if name.startswith(durable.TEMPORARY) and _age(files.builds / build / name) > ABANDONED:
                durable.remove(files.builds / build / name, name="sweep")
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
    return _age(path) < YOUNG


def _age(path: os.PathLike[str]) -> float:
    """Seconds since it was written; 0 where it has its name now."""
    try:
        return abs(time.time() - os.lstat(path).st_mtime)
    except FileNotFoundError:
        return 0.0


def confirm_pending(files: Layout, attempt: str) -> None:
    """The run is in the ledger: the switch stays.

    Where the disk refuses this it stays pending as well, until the next holder of the lock confirms it.
    """
    waiting = pending.read(files)
    if waiting is not None and waiting.attempt == attempt:
        with contextlib.suppress(OSError):
            pending.keep_places(files, waiting.places)
            pending.keep_name(files, waiting.host)
            if waiting.retires:
                durable.write(files.run / pending.RETIRING, b"", mode=0o600, name="retiring")
            events.note(files, "confirmed", release=waiting.after.version)
            pending.forget(files)


def _names(folder: os.PathLike[str]) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
