"""Which thousands of ports belong to which app's target on this host?  One file for all of them, by their roots.

That a port is free now says nothing: its owner may be stopped.  A target has the thousands that its ports are in for as
long as its root is there.  Where the file cannot be had, what is free now has to do: no run fails for that.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Iterable, Mapping

from deployer.agent import durable, sockets, user
from deployer.agent.layout import Layout
from deployer.core import formation
from deployer.core.manifest import ProcessType

OF_THE_SYSTEM = Path("/var/lib/deployer")
NAME, LOCK = "ports.json", "ports.lock"
PATIENCE, PAUSE = 5.0, 0.02  # seconds


def folder() -> Path:
    """Where the file is: of the whole host where we are root, else of this user, or where XDG_STATE_HOME says."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state) / "deployer"
    return OF_THE_SYSTEM if os.geteuid() == 0 else user.login_home() / ".local" / "state" / "deployer"


def allocated(
    files: Layout,
    types: Iterable[ProcessType],
    known: Mapping[str, int],
    *,
    registry: Path,
    free: Callable[[int], bool] = sockets.free,
) -> dict[str, int]:
    """The first port of every type, as `core.formation.allocate` gives them: none of a thousand that is another's.

    If all thousands have an owner, what is `free` now has to do.
    """
    kinds, own = list(types), os.path.realpath(files.root)
    with contextlib.suppress(OSError), _locked(registry):
        given = _read(registry / NAME)
        others = {base for root, bases in given.items() if root != own and os.path.isdir(root) for base in bases}

        def nobodys(port: int) -> bool:
            return _base(port) not in others and free(port)

        left = any(nobodys(base) for base in formation.BASES)
        ports = formation.allocate(kinds, known, nobodys if left else free)
        present = {root: bases for root, bases in given.items() if os.path.isdir(root)}
        present[own] = sorted({_base(port) for port in ports.values()})
        if present != given:
            for part in registry.glob(f"{durable.TEMPORARY}*"):  # by one that was killed: nobody else writes now
                part.unlink()
            durable.write(registry / NAME, json.dumps(present, indent=1, sort_keys=True).encode() + b"\n", name="ports")
        return ports
    return formation.allocate(kinds, known, free)


def _base(port: int) -> int:
    return port // formation.APP_STEP * formation.APP_STEP


def _read(path: Path) -> dict[str, list[int]]:
    """The thousands of each root; none where the file is damaged: every run writes its own again."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        root: [base for base in bases if isinstance(base, int)]
        for root, bases in found.items()
        if isinstance(bases, list)
    }


@contextlib.contextmanager
def _locked(registry: Path) -> Iterator[None]:
    """The right to write the file; `OSError` where it cannot be had in time."""
    durable.make_directory(registry)
    descriptor = os.open(str(registry / LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE)
        yield
    finally:
        os.close(descriptor)
