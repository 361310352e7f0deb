"""Can this host do the job?  What `deploy doctor` wants to know of it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Optional

from deployer.agent import (
    choice,
    examine_kernel,
    examine_ports,
    examine_router,
    examine_systemd,
    ledger,
    shared_folders,
    stage,
    survival,
    user,
)
from deployer.agent.context import Host
from deployer.agent.finding import finding
from deployer.core import requests
from deployer.core.errors import DeployError, Drift, ReleaseRefused
from deployer.core.ledger import Ledger
from deployer.core.release import Spec

ROOM = 1024**3  # bytes: less than this is told
INODES = 50_000
OLDEST = (3, 9)


def examine(asked: requests.Examine, host: Host) -> requests.Examined:
    """The findings, each with what to do where it is not well."""
    clock = time.time()
    known, damage = _ledger(host)
    spec = _newest(host, known) if known else None
    following = choice.following(host.files, asked.manager)
    findings = [
        _python(),
        _user(spec),
        *_disk(host),
        _root(host),
        *damage,
        *_shared(host, spec),
        *examine_systemd.findings(host, user.name(), systemd=following == choice.SYSTEMD),
        _manager(host, asked.manager, following),
        *_survival(host),
        *(examine_ports.findings(host, known, spec) if known else []),
        *examine_router.findings(host, asked.router),
        *examine_kernel.findings(),
    ]
    return requests.Examined(findings, clock)


def _ledger(host: Host) -> tuple[Optional[Ledger], list[dict[str, Any]]]:
    """The host's ledger, or what is wrong with it."""
    try:
        return ledger.read(host.files), []
    except Drift as error:
        return None, [finding("ledger", error.message, ok=False, hint=error.hint)]


def _newest(host: Host, known: Ledger) -> Optional[Spec]:
    """What the newest release that is here says of itself."""
    for version in sorted(known.releases, reverse=True):
        try:
            return stage.spec(host.files, version)
        except DeployError:  # pruned; a damaged one is `deploy verify`'s business
            continue
    return None


def _python() -> dict[str, Any]:
    found = f"{platform.python_version()} ({sys.executable})"
    return finding("python3", found, ok=sys.version_info >= OLDEST, hint="the agent needs Python 3.9 or newer")


def _user(spec: Optional[Spec]) -> dict[str, Any]:
    """Who the agent is, and with it whoever a process runs as that has no user of its own."""
    name, by = user.name(), os.environ.get("SUDO_USER")
    found = f"{name}, by sudo of {by}" if by else name
    if os.geteuid() != 0 or spec is None:
        return finding("user", found)
    try:
        shared_folders.identity(spec)
    except ReleaseRefused as error:
        return finding("user", f"{found}; {error.message}", ok=False, hint=error.hint)
    hint = "give the target in deploy.yaml a `run_as`, and release again"
    return finding("user", f"{found}; processes run as {spec.run_as or name}", warn=not spec.run_as, hint=hint)


def _shared(host: Host, spec: Optional[Spec]) -> list[dict[str, Any]]:
    """Whether the app can write to the paths that outlive its releases."""
    if spec is None or not spec.shared:
        return []
    try:
        wrong = shared_folders.unwritable(host.files, spec)
    except ReleaseRefused:  # `_user` says it
        return []
    if not wrong:
        return [finding("shared paths", f"{len(spec.shared)}, the app can write to them")]
    return [finding("shared paths", text, warn=True, hint=hint) for text, hint in wrong]


def _disk(host: Host) -> list[dict[str, Any]]:
    place = _nearest(host)
    usage, stats = shutil.disk_usage(place), os.statvfs(place)
    free = f"{usage.free / 1024**3:.1f} GiB free at {place}"
    inodes = f"{stats.f_favail:,} inodes free" if stats.f_files else "no limit of inodes"
    return [
        finding("disk", free, ok=usage.free > ROOM, hint="`deploy prune` takes old releases away"),
        finding("inodes", inodes, ok=not stats.f_files or stats.f_favail > INODES, hint="`deploy prune` frees some"),
    ]


def _root(host: Host) -> dict[str, Any]:
    place = _nearest(host)
    if not os.access(place, os.W_OK | os.X_OK):
        hint = (
            f"`{place}` is not writable for this user: `sudo install -d -o USER {host.files.root}`, or another `path`"
        )
        return finding("path", str(host.files.root), ok=False, hint=hint)
    runs = not os.statvfs(place).f_flag & os.ST_NOEXEC
    found = str(host.files.root) if runs else f"{host.files.root} is on a file system where no program may run (noexec)"
    return finding("path", found, ok=runs, hint="give the target another `path`")


def _nearest(host: Host) -> Path:
    """The target's root, or the folder above it in which it will be made."""
    place = host.files.root
    while not place.exists():
        place = place.parent
    return place


def _survival(host: Host) -> list[dict[str, Any]]:
    """Whether the next crash of a process would be survived, where there are any."""
    instances = host.manager.instances()
    if not instances:
        return []
    found = survival.risks(host.files, host.manager, instances)
    hint = "fix what it says, then `deploy restart`"
    return [finding("next crash", "; ".join(found) or "would be survived", ok=not found, hint=hint)]


def _manager(host: Host, wish: str, following: str) -> dict[str, Any]:
    """Which one it is, and whether the one that is wished for can be had; where nothing ran yet, which it will be."""
    kind, local = host.manager.kind, host.asked.target == "local"
    found = f"{kind}, {len(host.manager.instances())} processes"
    if not choice.begun(host.files):
        found, kind = f"{following}, from the first run on", following
    elif following != kind:
        found, kind = f"{found}; {following} from the next run on", following
    problem = () if host.manager.kind == choice.SYSTEMD or wish == choice.SUPERVISOR else choice.hindrance()
    if problem and wish == choice.SYSTEMD:
        return finding("process manager", f"systemd is wished for, but {problem[0]}", ok=False, hint=problem[1])
    if kind == choice.SUPERVISOR and not local:
        hint = problem[1] if problem else "`manager: systemd` starts them with the host; else `deploy start` does"
        return finding("process manager", f"{found}; nothing starts them when the host boots", warn=True, hint=hint)
    return finding("process manager", found)
