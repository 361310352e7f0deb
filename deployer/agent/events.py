"""What did this host do?  `events`: a line each, also for what it did by itself while nobody was connected.

A file that has become long is set aside as `events.1`, in the place of the one before it.  Launchers note what ended
without being told to in a file of their own, since systemd lets them write nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Optional

from deployer.agent.durable import write_all
from deployer.agent.fault import point
from deployer.agent.layout import Layout

LONG = 4 << 20  # bytes
OF_LAUNCHERS = "run/processes/events"


def now() -> str:
    """The time in RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def note(host: Layout, event: str, *, release: Optional[int], text: str = "") -> None:
    """Append one line; a torn last line of a power cut is closed first, so that it spoils nothing after it.

    A disk that is full or read-only must not keep the host from going back: then there is no line.
    """
    _note(str(host.events), event, release, text)


def note_alone(root: str, event: str, *, release: int, text: str) -> None:
    """Append one line to the launchers' file."""
    _note(f"{root}/{OF_LAUNCHERS}", event, release, text)


def _note(path: str, event: str, release: Optional[int], text: str) -> None:
    with contextlib.suppress(OSError):
        _append(path, {"at": now(), "event": event, "release": release, "text": text})


def _append(path: str, entry: dict[str, Any]) -> None:
    point("events.append")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        write_all(descriptor, (b"\n" if torn else b"") + json.dumps(entry).encode() + b"\n")
        os.fsync(descriptor)
        if size > LONG and os.path.samestat(os.fstat(descriptor), os.stat(path)):  # nobody else was quicker
            os.rename(path, f"{path}.1")
    finally:
        os.close(descriptor)


def read(host: Layout, lines: int) -> list[dict[str, Any]]:
    """The newest `lines` entries, oldest first."""
    own, alone = _newest(str(host.events), lines), _newest(f"{host.root}/{OF_LAUNCHERS}", lines)
    if not alone:
        return own
    from deployer.core import chronology  # noqa: PLC0415 - every session has this module, and few read

    return chronology.merged([own, alone], lambda entry: str(entry.get("at", "")))[-lines:]


def _newest(path: str, lines: int) -> list[dict[str, Any]]:
    found = _lines(path)
    if len(found) < lines:
        found = _lines(f"{path}.1") + found
    return [entry for entry in map(_entry, found[-lines:]) if entry]


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
