"""Which process did a launcher become?  Its record in `run/processes`, written before it execs.

exec keeps the pid and the start time, so the record names the app's process for as long as it lives, whoever its
parent is.  A record is worth nothing after a reboot, therefore it is not synced to disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from deployer.agent import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

TERM = "TERM"
DIRECTORY, EXITS = "run/processes", "run/exits"
SCHEDULED = "scheduled-"


class Started:
    """A process that a launcher started: `starts` counts how often since it was told to run.

    `quick` counts its lives up to this one that were short, without a long one between them; `ended` says how the one
    before ended; `stop_signal` tells it to end.
    """

    __slots__ = (
        *("at", "boot", "ended", "marks", "pid", "port"),
        *("quick", "starts", "stop_signal", "stop_timeout", "ticks"),
    )

    def __init__(
        self,
        *,
        pid: int,
        ticks: int,
        boot: str,
        at: float,
        starts: int,
        port: int,
        stop_timeout: float,
        marks: list[str],
        quick: int = 0,
        ended: str = "",
        stop_signal: str = TERM,
    ) -> None:
        self.quick, self.ended, self.stop_signal = quick, ended, stop_signal
        self.pid, self.ticks, self.boot, self.at = pid, ticks, boot, at
        self.starts, self.port, self.stop_timeout, self.marks = starts, port, stop_timeout, marks


def key(release: int, kind: str, number: int) -> str:
    """`v100-web-1`: how a process is called in names of files, and by its manager."""
    return f"v{release}-{kind}-{number}"


def scheduled_key(kind: str) -> str:
    """`scheduled-report`: how the one run of a type that runs at its times is called, whatever its release."""
    return f"{SCHEDULED}{kind}"


def parse(name: str) -> tuple[str, int, int]:
    """The type, the release and the number of a key."""
    release, _, rest = name.partition("-")
    kind, _, number = rest.rpartition("-")
    return kind, int(release[1:]), int(number)


def read(root: str, name: str) -> Optional[Started]:
    """The record of the process `name` (its key), or None."""
    return _parse(f"{root}/{DIRECTORY}/{name}.json")


def names(root: str) -> list[str]:
    """The keys of all records of processes that are kept alive."""
    return [name for name in _names(f"{root}/{DIRECTORY}") if not name.startswith(SCHEDULED)]


def scheduled(root: str) -> list[str]:
    """The types of which there is a record of a run at its times."""
    return [name[len(SCHEDULED) :] for name in _names(f"{root}/{DIRECTORY}") if name.startswith(SCHEDULED)]


def forget(root: str, name: str) -> None:
    """Remove the record and how the process last ended: the next start is the first again."""
    for path in (f"{root}/{DIRECTORY}/{name}.json", f"{root}/{EXITS}/{name}.json", killed_mark(root, name)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def write(
    root: str,
    name: str,
    *,
    port: int,
    stop_timeout: float,
    marks: list[str],
    before: Optional[Started],
    quick: int = 0,
    ended: str = "",
    stop_signal: str = TERM,
) -> str:
    """Record this very process, which is about to become the app's, after `before`; why that failed, or ''."""
    own = procfs.stat(os.getpid())
    record: dict[str, Any] = {
        "pid": os.getpid(),
        "ticks": own.started if own else 0,
        "boot": procfs.boot(),
        "at": time.time(),
        "starts": before.starts + 1 if before else 1,
        "port": port,
        "stop_timeout": stop_timeout,
        "marks": marks,
        "quick": quick,
        "ended": ended,
    }
    if stop_signal != TERM:  # an older launcher would take no record that says more than it knows
        record["stop_signal"] = stop_signal
    return _put(f"{root}/{DIRECTORY}", name, json.dumps(record).encode())


def _put(folder: str, name: str, content: bytes) -> str:
    """Write the record, on a disk that is full over the old one, in the room that this has; or say why it cannot be.

    A process that has crashed comes up again all the same: whatever it leaves behind is known by its marks as well.
    """
    part = f"{folder}/.tmp-{name}"  # one launcher at a time: no other name is needed
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(part, "wb") as file:
            file.write(content)
        os.rename(part, f"{folder}/{name}.json")
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        with contextlib.suppress(OSError):
            _overwrite(f"{folder}/{name}.json", content)
            return ""
        return str(error)
    return ""


def _overwrite(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.write(descriptor, content.ljust(os.fstat(descriptor).st_size))
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def killed_mark(root: str, name: str) -> str:
    """The file that is there when a process did not stop in time, and was killed; where systemd does not see to it."""
    return f"{root}/{EXITS}/{name}.killed"


def last_exit(root: str, name: str) -> str:
    """How the process last ended: `exited with code 1 after 0.4 s`; '' if it never did."""
    known = last_end(root, name)
    return known[0] if known else ""


def last_end(root: str, name: str) -> Optional[tuple[str, float, float]]:
    """How the process last ended, after how many seconds, and when; None if it never did."""
    try:
        with open(f"{root}/{EXITS}/{name}.json", encoding="utf-8") as file:
            ended = json.load(file)
            at = os.fstat(file.fileno()).st_mtime
        status, seconds = int(ended["status"]), float(ended["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return f"{_how(status, want_of_memory=bool(ended.get('oom')))} after {seconds:.1f} s", seconds, at


def _how(status: int, *, want_of_memory: bool) -> str:
    if want_of_memory:
        return "was killed for want of memory"
    if os.WIFSIGNALED(status):
        from deployer.core.signals import signal_name  # noqa: PLC0415 - the launcher has no use for it

        return f"was killed by SIG{signal_name(os.WTERMSIG(status))}"
    return f"exited with code {os.WEXITSTATUS(status)}"


def _parse(path: str) -> Optional[Started]:
    try:
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
            return Started(**{name: known[name] for name in Started.__slots__ if name in known})
    except (OSError, ValueError, TypeError):
        return None


def _names(folder: str) -> list[str]:
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(name[: -len(".json")] for name in found if name.endswith(".json") and not name.startswith("."))
