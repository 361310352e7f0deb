"""Which switch is not confirmed yet?  `run/pending`: what served before, what was to serve, whose attempt it is."""

from __future__ import annotations

import contextlib
import errno
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
LEAST_ROOM = 1 << 16  # bytes: with less no switch is begun
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
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
    except (FileNotFoundError, ValueError):  # or what a broken disk has left of it: the next writer keeps it anew
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
    except (ValueError, TypeError) as error:
        raise _damaged(files.run / "pending") from error


def undoing(files: Layout) -> str:
    """What is put back of a switch that was cut off, in words; '' where none is pending."""
    try:
        waiting = read(files)
    except Drift:
        return ""
    if waiting is None:
        return ""
    return f"v{waiting.before.version} is put back" if waiting.before else f"v{waiting.after.version} is taken back"


def write(files: Layout, pending: Pending) -> None:
    """From here on the switch is to be confirmed or undone; the room that going back takes is kept free for it.

    On a full disk half of it is given up for the switch itself, by `write_with_room`: a rollback has to work there.
    """
    _keep_room(files)
    write_with_room(files, files.run / "pending", wire.dump(wire.encode(pending)), name="pending")


def write_with_room(files: Layout, path: Path, content: bytes, *, name: str) -> None:
    """Write what a switch begins with, on a disk that is full into half of the room that was kept."""
    try:
        durable.write(path, content, mode=0o600, name=name)
    except OSError as error:
        if error.errno not in NO_ROOM or not _halve_room(files):
            raise
        durable.write(path, content, mode=0o600, name=name)


def forget(files: Layout) -> None:
    """The switch is confirmed or undone; room is kept for the next one, while there is some."""
    durable.remove(files.run / "pending", name="pending")
    with contextlib.suppress(OSError):
        _keep_room(files)


def give_room(files: Layout) -> None:
    """Give up the room that was kept, on a disk that may be full: to launch a process takes some."""
    with contextlib.suppress(OSError):  # none, or a disk that refuses even this: going back is tried all the same
        os.unlink(files.run / ROOM)


def _keep_room(files: Layout) -> None:
    """Have so much room kept; less of it will do on a disk that has become full since."""
    point("room.create")
    path = files.run / ROOM
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with durable.naming(path):
            os.posix_fallocate(descriptor, 0, ROOM_SIZE)
    except BaseException as error:
        little = os.fstat(descriptor).st_blocks * 512 < LEAST_ROOM
        if little:
            give_room(files)
        if little or not (isinstance(error, OSError) and error.errno in NO_ROOM):
            raise
    finally:
        os.close(descriptor)


def _halve_room(files: Layout) -> bool:
    """Give up half of the room that is kept; whether there was any."""
    path = files.run / ROOM
    try:
        size = os.stat(path).st_blocks * 512
        os.truncate(path, size // 2)
    except OSError:
        return False
    return size >= 2 * LEAST_ROOM


def places(files: Layout) -> Places:
    """Where the processes of each type are: its ports, handed out for good, and its turn, by the last confirmed run."""
    try:
        known = json.loads((files.run / "ports").read_bytes())
        return wire.decode(Places, known if "ports" in known else {"ports": known})
    except FileNotFoundError:
        return Places()
    except (ValueError, TypeError) as error:
        raise _damaged(files.run / "ports") from error


def keep_places(files: Layout, given: Places) -> None:
    """Remember where they are, once the run that brought them there is confirmed.

    Until then that stands in the pending switch alone: a run that fails must not move what served before.
    """
    if given != places(files):
        durable.write(files.run / "ports", wire.dump(wire.encode(given)), name="ports")


def _damaged(path: Path) -> Drift:
    return Drift(f"{path} is damaged", hint="nothing was changed.  Remove it, then `deploy run` the current release")
