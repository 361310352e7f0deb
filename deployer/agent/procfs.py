"""What does /proc say about processes: who is alive, in which group, started when, born by whom?

A pid alone names nothing for long.  A pid with its start time (clock ticks since boot) and the boot's id names one
process for ever; nothing is killed here on less than that, or on the marker that a launcher set in its environment.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # the launcher imports this module on every start: `typing` would cost it more than all the rest
    from collections.abc import Collection
    from typing import Optional


class Stat:
    """A process's line in /proc/PID/stat; in clock ticks, `started` since boot, and how long it `worked`."""

    __slots__ = ("group", "name", "parent", "pid", "session", "started", "state", "worked")

    def __init__(self, text: bytes) -> None:
        head, _, tail = text.rpartition(b")")  # the name may hold blanks and parentheses
        pid, _, name = head.partition(b" (")
        fields = tail.split()
        self.pid = int(pid)
        self.name = name.decode("utf-8", "replace")
        self.state = fields[0].decode()
        self.parent, self.group, self.session = int(fields[1]), int(fields[2]), int(fields[3])
        self.worked = int(fields[11]) + int(fields[12])
        self.started = int(fields[19])

    @property
    def alive(self) -> bool:
        """Whether it runs still: a zombie does not."""
        return self.state not in "ZX"


def stat(pid: int) -> Optional[Stat]:
    """The process `pid`, or None where there is none."""
    try:
        return Stat(_read(f"/proc/{pid}/stat"))
    except OSError:
        return None


def started(pid: int) -> Optional[int]:
    """When `pid` started, in clock ticks since boot; None where it does not run."""
    process = stat(pid)
    return process.started if process is not None and process.alive else None


def boot() -> str:
    """The id of this boot of the kernel."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def everyone() -> list[Stat]:
    """All processes that are there now."""
    found = (stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process is not None]


def open_sockets(pid: int) -> dict[int, str]:
    """The inodes of the sockets that a process has open, by descriptor; `OSError` where they are not ours to see.

    A descriptor that is closed meanwhile says nothing of the others.
    """
    folder, found = f"/proc/{pid}/fd", {}
    for descriptor in os.listdir(folder):
        try:
            kind, _, inode = os.readlink(f"{folder}/{descriptor}").partition(":")
        except OSError:
            continue
        if kind == "socket":
            found[int(descriptor)] = inode.strip("[]")
    return found


def members(group: int) -> list[Stat]:
    """The living processes of a process group."""
    return [process for process in everyone() if process.group == group and process.alive]


def family(pid: int) -> list[Stat]:
    """The living processes of pid's own group, and all that descend from it."""
    processes = everyone()
    children: dict[int, list[Stat]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found = {process.pid: process for process in processes if pid in (process.pid, process.group)}
    unseen = list(found)
    while unseen:
        for child in children.get(unseen.pop(), []):
            if child.pid not in found:
                found[child.pid] = child
                unseen.append(child.pid)
    return [process for process in found.values() if process.alive]


def carries(pid: int, marks: Collection[str]) -> bool:
    """Whether the process was started with all these `NAME=value` in its environment; none name no process."""
    try:
        environment = set(_read(f"/proc/{pid}/environ").split(b"\0"))
    except OSError:
        return False
    return bool(marks) and all(os.fsencode(mark) in environment for mark in marks)


def variables(pid: int) -> dict[str, str]:
    """The environment that a process was started with; {} where it is gone or not ours to see."""
    try:
        lines = _read(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return {}
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in (line.partition(b"=") for line in lines)}


def arguments(pid: int) -> list[str]:
    """The argument list of a process; [] where it is gone or a zombie."""
    try:
        return _read(f"/proc/{pid}/cmdline").decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
