"""Can this host do the job?  What `deploy doctor` wants to know of it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import Any

from deployer.agent.context import Host
from deployer.core import requests

ROOM = 1024**3  # bytes: less than this is told
OLDEST = (3, 9)


def examine(_: requests.Examine, host: Host) -> requests.Examined:
    """The findings, each with what to do where it is not well."""
    return requests.Examined([_python(), *_disk(host), _root(host), _manager(host), _init()])


def _finding(name: str, found: str, *, ok: bool, hint: str = "") -> dict[str, Any]:
    return {"name": name, "found": found, "ok": ok, "hint": "" if ok else hint}


def _python() -> dict[str, Any]:
    found = f"{platform.python_version()} ({sys.executable})"
    return _finding("python3", found, ok=sys.version_info >= OLDEST, hint="the agent needs Python 3.9 or newer")


def _disk(host: Host) -> list[dict[str, Any]]:
    place = host.files.root
    while not place.exists():
        place = place.parent
    usage, stats = shutil.disk_usage(place), os.statvfs(place)
    free = f"{usage.free / 1024**3:.1f} GiB free at {place}"
    inodes = f"{stats.f_favail:,} inodes free" if stats.f_files else "no limit of inodes"
    return [
        _finding("disk", free, ok=usage.free > ROOM, hint="`deploy prune` takes old releases away"),
        _finding("inodes", inodes, ok=not stats.f_files or stats.f_favail > 50_000, hint="`deploy prune` frees some"),
    ]


def _root(host: Host) -> dict[str, Any]:
    place = host.files.root
    while not place.exists():
        place = place.parent
    writable = os.access(place, os.W_OK | os.X_OK)
    return _finding("path", str(host.files.root), ok=writable, hint=f"`{place}` is not writable for this user")


def _manager(host: Host) -> dict[str, Any]:
    running = host.manager.instances()
    return _finding("process manager", f"{host.manager.kind}, {len(running)} processes", ok=True)


def _init() -> dict[str, Any]:
    found = "systemd" if os.path.isdir("/run/systemd/system") else "no systemd"
    return _finding("init", found, ok=True)
