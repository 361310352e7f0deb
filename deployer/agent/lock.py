"""Who may write to this target?  One session at a time, by flock(2): the kernel frees it when the holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Callable, Optional

from deployer.agent.durable import write_all
from deployer.core.errors import TargetLocked

POLL = 0.05
GRACE = 0.25  # seconds: whoever only asks `held` has the lock for a moment, and is no holder


class Lock:
    """The lock file of a target.  It is never removed: a new file would be a second lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: Optional[int] = None

    def take(self, holder: dict[str, str], wait: float, waiting: Callable[[str], None]) -> None:
        """Hold the lock for `holder`, or `TargetLocked` after `wait` seconds; `waiting` is told once for whom."""
        descriptor = os.open(str(self.path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline, told = time.monotonic() + max(wait, GRACE), False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                who = self.holder()
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise TargetLocked(f"the target is held by {who}") from None
                if wait and not told:
                    waiting(f"waiting for {who}")
                    told = True
                time.sleep(POLL)
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
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> str:
        """The holder in words: who, since when, running what."""
        try:
            told = json.loads(self.path.read_text() or "{}")
        except (OSError, ValueError):
            told = {}
        if not told:
            return "another session"
        return f"{told.get('who')}, running `{told.get('command')}` since {told.get('at')}"

    def release(self) -> None:
        """Let go, unless a guard has inherited the lock and goes on holding it."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
