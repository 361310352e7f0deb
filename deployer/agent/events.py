"""What did this host do?  `events`: a line each, also for what it did by itself while nobody was connected."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Optional

from deployer.agent.durable import write_all
from deployer.agent.fault import point
from deployer.agent.layout import Layout


def now() -> str:
    """The time in RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def note(host: Layout, event: str, *, release: Optional[int], text: str = "") -> None:
    """Append one line; a torn last line of a power cut is closed first, so that it spoils nothing after it.

    A disk that is full or read-only must not keep the host from going back: then there is no line.
    """
    with contextlib.suppress(OSError):
        _append(host, {"at": now(), "event": event, "release": release, "text": text})


def _append(host: Layout, entry: dict[str, Any]) -> None:
    point("events.append")
    descriptor = os.open(str(host.events), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        write_all(descriptor, (b"\n" if torn else b"") + json.dumps(entry).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(host: Layout, lines: int) -> list[dict[str, Any]]:
    """The newest `lines` entries, oldest first."""
    try:
        found = host.events.read_bytes().splitlines()[-lines:]
    except FileNotFoundError:
        return []
    return [entry for entry in map(_entry, found) if entry]


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
