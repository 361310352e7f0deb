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
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, Optional

from deployer.agent import lease
from deployer.agent.durable import write_all
from deployer.core.errors import TargetLocked

POLL = 0.05
GLANCE = 0.5  # seconds for which a holder that lives is looked at: its operator may have been killed just now
PATIENCE = 60.0  # seconds for which one is waited for that puts right what was cut off, also where nobody asks for it
TELL = 0.3  # seconds after which it is told who is waited for
FLOCK = "hhqqi"  # struct flock: type, whence, start, length (0: to the end), pid


class Lock:
    """The lock file of a target.  It is never removed: a new file would be a second lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: Optional[int] = None
        self.ended: list[str] = []  # holders that were frozen
        self._holder: dict[str, str] = {}
        self._changing, self._over = threading.Lock(), threading.Event()

    def take(  # noqa: PLR0917 - who takes it, how long, and what it does meanwhile
        self,
        holder: dict[str, str],
        wait: float,
        waiting: Callable[[str], None],
        check: Callable[[], None] = lambda: None,
        doing: Callable[[], str] = lambda: "",
        silence: float = lease.SILENCE,
    ) -> None:
        """Hold the lock for `holder`, or `TargetLocked` after `wait` seconds; `waiting` is told for whom.

        A holder that was cut off is waited for in any case, and told what it is `doing`; one that is frozen is ended.
        `holder` says `who`, `from` where, the `command` and since when (`at`); it is frozen after `silence` seconds
        without a heartbeat.  `check` is called while waiting and may raise.
        """
        descriptor = os.open(str(self.path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            queue = _Queue(self.path, wait, waiting, doing)
            while not _taken(descriptor):
                queue.look()
                check()
                time.sleep(POLL)
        except BaseException:
            os.close(descriptor)
            raise
        self.ended = queue.ended
        self._hold(descriptor, {**holder, **lease.itself(silence)})

    def inherit(self, descriptor: int) -> None:
        """Hold it as the guard of an agent that is dead, and put right what was cut off."""
        known = lease.told(self.path)
        silence = float(known.get("silence", lease.SILENCE))
        with contextlib.suppress(OSError):  # what it is there for is more than what is said of it
            self._hold(descriptor, {**known, **lease.itself(silence), "cut_off": "yes"})

    def cut_off(self) -> None:
        """Say that the operator is gone: whoever wants the lock is to wait until things are put right."""
        with self._changing, contextlib.suppress(OSError):
            if self.descriptor is not None:
                _say(self.descriptor, {**self._holder, "cut_off": "yes"})

    def _hold(self, descriptor: int, holder: dict[str, str]) -> None:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
        _say(descriptor, holder)
        self.descriptor, self._holder = descriptor, holder
        lease.beat(self.path, self._over, float(holder["silence"]))

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
        return lease.words(lease.told(self.path))

    def release(self) -> None:
        """Let go, unless a guard has inherited the lock and goes on holding it."""
        self._over.set()
        with self._changing:
            if self.descriptor is not None:
                os.close(self.descriptor)
                self.descriptor = None


class _Queue:
    """One who waits for the lock: for whom, for how long, and what it says of that."""

    def __init__(self, path: Path, wait: float, waiting: Callable[[str], None], doing: Callable[[], str]) -> None:
        self._path, self._wait, self._waiting, self._doing = path, wait, waiting, doing
        self._begun = self._changed = time.monotonic()
        self._beat, self._told = 0.0, ""
        self.ended: list[str] = []

    def look(self) -> None:
        """Look at who holds it; `TargetLocked` when that one has been waited for long enough."""
        holder, now = lease.told(self._path), time.monotonic()
        state, waited = lease.state(self._path, holder), now - self._begun
        if waited >= max(self._wait, GLANCE if state == lease.LIVING else PATIENCE):
            raise self._refused(state, holder)
        if state == lease.SILENT:
            self._end_frozen(holder, now)
        if self._wait if state == lease.LIVING else waited >= TELL:
            self._tell(state, holder)

    def _end_frozen(self, holder: dict[str, str], now: float) -> None:
        """End the holder if it has not been heard of for a while that is measured here."""
        beat = lease.last_beat(self._path)
        if beat != self._beat:
            self._beat, self._changed = beat, now
        elif now - self._changed > lease.WATCH:
            self._changed = now
            if lease.end(self._path, holder):
                self.ended.append(f"the agent of {lease.words(holder)} was frozen, and was ended")

    def _tell(self, state: str, holder: dict[str, str]) -> None:
        text = f"waiting for {self._of(state, holder)}"
        if text != self._told and not (self._told and lease.words(holder) == lease.SOMEBODY):  # the next one in a queue
            self._waiting(text)
            self._told = text

    def _of(self, state: str, holder: dict[str, str]) -> str:
        who = lease.words(holder)
        if state == lease.LIVING:
            return who
        if state in (lease.QUIET, lease.SILENT):
            return f"{who}: nothing is heard of it"
        return f"{who}, which was cut off: {self._doing() or 'its agent cleans up'}"

    def _refused(self, state: str, holder: dict[str, str]) -> TargetLocked:
        details = {"holder": {name: holder[name] for name in lease.WORDS if name in holder}}
        message, hint = f"the target is held by {self._of(state, holder)}", None
        if state == lease.CUT_OFF:
            hint = "that goes on by itself: run the command again, with `--wait 5m` if it takes longer"
        if state == lease.SILENT:
            pids = ", ".join(str(pid) for pid in lease.holding(self._path)) or holder.get("pid", "")
            hint = f"its agent is frozen and cannot be ended from here: end process {pids} on the host"
        return TargetLocked(message, hint=hint, details=details)


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


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _say(descriptor: int, holder: dict[str, str]) -> None:
    """Write into the lock file who holds it: over what it said before, which is cut then."""
    content = json.dumps(holder).encode()
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_all(descriptor, content)
    os.ftruncate(descriptor, len(content))


def _whole_file(kind: int) -> bytes:
    return struct.pack(FLOCK, kind, os.SEEK_SET, 0, 0, 0)
