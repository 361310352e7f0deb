"""A lease: who holds the target's lock, and does it still live?  Its holder says so every few seconds.

The lock file says who holds the lock; its time is that of the holder's last heartbeat.  A holder whose operator is gone
says that it was cut off: it is putting things right, and is waited for.  One that is frozen says nothing any more, and
is ended: a lock has no holder for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Mapping

from deployer.agent import procfs

LIVING, CUT_OFF, QUIET, SILENT = "living", "cut off", "quiet", "silent"
SILENCE = 30.0  # seconds without a heartbeat after which a holder is taken for frozen
BEAT_EVERY = 5.0
MISSED = 3  # beats after which nothing is known of a holder
WATCH = 8.0  # seconds for which that is watched first: the clock may have leapt
SOMEBODY = "another session"
WORDS = ("who", "from", "command", "at")  # what people are told of a holder


def told(path: Path) -> dict[str, str]:
    """What the holder says of itself; nothing while it is only about to."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def words(holder: Mapping[str, str]) -> str:
    """A holder in words: who, from where, running what, since when."""
    if not holder:
        return SOMEBODY
    place = f" (from {holder['from']})" if holder.get("from") else ""
    return f"{holder.get('who')}{place}, running `{holder.get('command')}` since {holder.get('at')}"


def state(path: Path, holder: Mapping[str, str]) -> str:
    """Whether the holder lives, puts right what was cut off, or is silent; an older agent has no heartbeat.

    It is quiet, and not yet silent, when it stands still, or its heart has missed some beats.
    """
    if "silence" in holder:
        silence, quiet = float(holder["silence"]), time.time() - last_beat(path)
        if quiet > silence:
            return SILENT
        if quiet > MISSED * _every(silence) or _stands_still(holder):
            return QUIET
    return CUT_OFF if holder.get("cut_off") or not _runs(holder) else LIVING


def last_beat(path: Path) -> float:
    """When its holder was last heard of, in seconds of the epoch."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return time.time()


def itself(silence: float) -> dict[str, str]:
    """What this process says of itself as a holder: by which it is known, and when it is to be taken for frozen."""
    pid = os.getpid()
    return {"pid": str(pid), "ticks": str(procfs.started(pid)), "silence": f"{silence:g}"}


def beat(path: Path, over: threading.Event, silence: float) -> None:
    """Say from now on, until it is `over`, that the holder of this lock lives: often enough for its `silence`."""

    def touch() -> None:
        while not over.wait(_every(silence)):
            with contextlib.suppress(OSError):
                os.utime(path)

    threading.Thread(target=touch, daemon=True).start()


def end(path: Path, holder: Mapping[str, str]) -> list[int]:
    """Kill a holder that is frozen: the agent, or where that is dead, its guard."""
    ended = [int(holder["pid"])] if "pid" in holder and _runs(holder) else holding(path)
    for pid in ended:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return ended


def holding(path: Path) -> list[int]:
    """The processes that hold the lock, one of them perhaps by inheritance; as far as they are ours to see."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            if any(_locks(pid, name, path) for name in os.listdir(f"/proc/{pid}/fd")):
                found.append(pid)
    return found


def _locks(pid: int, descriptor: str, path: Path) -> bool:
    """Whether the process has flock(2)ed the file through this descriptor: one who waits has it open as well."""
    try:
        if not os.path.samefile(f"/proc/{pid}/fd/{descriptor}", path):
            return False
        with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as file:
            return any(line.startswith("lock:") and "FLOCK" in line for line in file)
    except OSError:  # closed meanwhile
        return False


def _every(silence: float) -> float:
    return min(BEAT_EVERY, silence / 4)


def _stands_still(holder: Mapping[str, str]) -> bool:
    """Whether the agent that took the lock was stopped (SIGSTOP)."""
    agent = procfs.stat(int(holder["pid"])) if holder.get("pid", "").isdigit() and _runs(holder) else None
    return agent is not None and agent.state in "Tt"


def _runs(holder: Mapping[str, str]) -> bool:
    """Whether the agent that took the lock is alive; else its guard has it."""
    if not holder.get("pid", "").isdigit():
        return True
    return str(procfs.started(int(holder["pid"]))) == holder.get("ticks")
