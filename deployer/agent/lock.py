"""Who may write to this target?  One session at a time, by flock(2): the kernel frees it when the holder dies.

The holder also puts an open file description lock (fcntl(2), F_OFD_SETLK) on the same descriptor: it lives and dies
with the first one, and can be asked about without taking it, so that whoever only looks is never in a writer's way.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import time
from pathlib import Path
from typing import Callable, Iterator, Optional

from deployer.agent.durable import write_all
from deployer.core.errors import TargetLocked

POLL = 0.05
SOMEBODY = "another session"
FLOCK = "hhqqi"  # struct flock: type, whence, start, length (0: to the end), pid


class Lock:
    """The lock file of a target.  It is never removed: a new file would be a second lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: Optional[int] = None

    def take(
        self,
        holder: dict[str, str],
        wait: float,
        waiting: Callable[[str], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Hold the lock for `holder`, or `TargetLocked` after `wait` seconds; `waiting` is told for whom.

        `holder` says `who`, `from` where, the `command` and since when (`at`).  `check` is called while waiting and may
        raise.
        """
        descriptor = os.open(str(self.path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline, told = time.monotonic() + wait, ""
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                who = self.holder()
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise TargetLocked(f"the target is held by {who}", details={"holder": self._told()}) from None
                check()
                if who != told and not (told and who == SOMEBODY):  # the next one in a queue
                    waiting(f"waiting for {who}")
                    told = who
                time.sleep(POLL)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
        os.ftruncate(descriptor, 0)
        write_all(descriptor, json.dumps(holder).encode())
        self.descriptor = descriptor

    def held(self) -> bool:
        """Whether a living session holds the lock now."""
        try:
            descriptor = os.open(str(self.path), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
        finally:
            os.close(descriptor)
        return bool(struct.unpack(FLOCK, found)[0] != fcntl.F_UNLCK)

    def holder(self) -> str:
        """The holder in words: who, from where, running what, since when."""
        told = self._told()
        if not told:
            return SOMEBODY
        place = f" (from {told['from']})" if told.get("from") else ""
        return f"{told.get('who')}{place}, running `{told.get('command')}` since {told.get('at')}"

    def _told(self) -> dict[str, str]:
        """What the holder says of itself; nothing while it is only about to."""
        try:
            told = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def release(self) -> None:
        """Let go, unless a guard has inherited the lock and goes on holding it."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


@contextlib.contextmanager
def alone(path: str | os.PathLike[str], mode: int) -> Iterator[bool]:
    """Whether nobody else holds the lock file, which is made if there is none; nobody can before the block ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _whole_file(kind: int) -> bytes:
    return struct.pack(FLOCK, kind, os.SEEK_SET, 0, 0, 0)
