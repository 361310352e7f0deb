"""Which switch is not confirmed yet?  `run/pending`: what served before, what was to serve, whose attempt it is."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Optional

from deployer.agent import durable
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.core import wire
from deployer.core.errors import Drift
from deployer.core.formation import Places, Process, expand
from deployer.core.ledger import Ledger
from deployer.core.message import message

ROOM, ROOM_SIZE = "room", 1 << 20  # bytes
RETIRING = "retiring"  # is there from a confirmation until the old processes have been told to stop (agent/retiring.py)
ROUTE = "route.before.json"  # what a router had before a run that is not confirmed (agent/shared_route.py)


@message
class State:
    """What runs, or should: a release with its formation, or (`stopped`) nothing of it."""

    version: int
    formation: dict[str, int]
    stopped: bool

    def processes(self, places: Places) -> list[Process]:
        """The processes of this state."""
        return [] if self.stopped else expand(self.version, self.formation, places)


@message
class Pending:
    """An unconfirmed switch: `places` are those of what is to serve; `retires`: old processes run beside it."""

    attempt: str
    before: Optional[State]
    after: State
    cause: str
    by: str
    at: str
    places: Places
    host: str
    retires: bool


def confirmed(files: Layout, ledger: Ledger) -> Optional[State]:
    """The state that the ledger says is confirmed: that of the newest run for this host that succeeded."""
    host = name(files)
    run = ledger.run_of(host)
    return State(run.release, run.on(host), run.stopped) if run else None


def confirmed_at(files: Layout, ledger: Ledger) -> float:
    """When that run was confirmed here, in seconds of the epoch by this host's clock; 0 where that is not known."""
    run = ledger.run_of(name(files))
    try:
        return files.record(ledger.seq_of(run)).stat().st_mtime if run else 0.0
    except OSError:
        return 0.0


def name(files: Layout) -> str:
    """What the ledger calls this host; '' before the first session that wrote."""
    try:
        return (files.run / "host").read_text()
    except FileNotFoundError:
        return ""


def keep_name(files: Layout, host: str) -> None:
    """Remember what the ledger calls this host, from a confirmed run on."""
    if host != name(files):
        durable.write(files.run / "host", host.encode(), name="host")


def read(files: Layout) -> Optional[Pending]:
    """The pending switch, or None."""
    try:
        return wire.decode(Pending, json.loads((files.run / "pending").read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(files.run / "pending") from error


def write(files: Layout, pending: Pending) -> None:
    """From here on the switch is to be confirmed or undone; the room that going back takes is kept free for it."""
    _keep_room(files)
    durable.write(files.run / "pending", wire.dump(wire.encode(pending)), mode=0o600, name="pending")


def forget(files: Layout) -> None:
    """The switch is confirmed or undone."""
    give_room(files)
    durable.remove(files.run / "pending", name="pending")


def give_room(files: Layout) -> None:
    """Give up the room that was kept, on a disk that may be full: to launch a process takes some."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(files.run / ROOM)


def _keep_room(files: Layout) -> None:
    point("room.create")
    descriptor = os.open(files.run / ROOM, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, ROOM_SIZE)
    except BaseException:
        give_room(files)
        raise
    finally:
        os.close(descriptor)


def places(files: Layout) -> Places:
    """Where the processes of each type are: its ports, handed out for good, and its turn, by the last confirmed run."""
    try:
        known = json.loads((files.run / "ports").read_bytes())
        return wire.decode(Places, known if "ports" in known else {"ports": known})
    except FileNotFoundError:
        return Places()
    except ValueError as error:
        raise _damaged(files.run / "ports") from error


def keep_places(files: Layout, given: Places) -> None:
    """Remember where they are, once the run that brought them there is confirmed.

    Until then that stands in the pending switch alone: a run that fails must not move what served before.
    """
    if given != places(files):
        durable.write(files.run / "ports", wire.dump(wire.encode(given)), name="ports")


def _damaged(path: Path) -> Drift:
    return Drift(f"{path} is damaged", hint="nothing was changed.  Remove it, then `deploy run` the current release")
