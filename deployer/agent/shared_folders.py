"""Ownership of shared folders: made for the user that the app runs as, and whether that user can write there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional

from deployer.agent import child, durable, user
from deployer.agent.layout import Layout
from deployer.core.errors import ReleaseRefused
from deployer.core.release import SharedPath, Spec


def make(files: Layout, path: SharedPath, spec: Spec) -> None:
    """Make the folder of a shared path; what is new belongs to the processes' user, what was there stays as it is."""
    folder = _folder(files, path)
    missing = []
    for place in (folder, *folder.parents):
        if place == files.shared or os.path.lexists(place):
            break
        missing.append(place)
    durable.make_directory(folder)
    owner = identity(spec)
    if owner and not _leads_elsewhere(files.shared, folder):
        for place in missing:
            os.chown(place, owner["user"], owner["group"], follow_symlinks=False)


def unwritable(files: Layout, spec: Spec) -> list[tuple[str, str]]:
    """The shared paths where the app cannot write: what is wrong with each, and the command that makes it right."""
    found = []
    name = spec.run_as if identity(spec) else user.name()
    for path in spec.shared:
        real = files.shared / path.path
        place = real if path.is_file and real.exists() else _folder(files, path)
        if place.is_file():  # a file that is there may well be read alone: a key, settings
            continue
        if place.exists() and not _may_write(place, identity(spec)):
            text = f"shared {path.path}: {name}, the user that the app runs as, cannot write to {place}"
            found.append((text, f"`sudo chown -R {name} {place}` on the host"))
    return found


def identity(spec: Spec) -> dict[str, Any]:
    """The processes' user as `child.identity` has it; `ReleaseRefused` where the host has no such user."""
    try:
        return child.identity(spec)
    except KeyError:
        raise ReleaseRefused(
            f"`run_as`: this host has no user {spec.run_as}",
            hint=f"`sudo useradd --system {spec.run_as}` on the host, or another `run_as` in deploy.yaml",
        ) from None


def _folder(files: Layout, path: SharedPath) -> Path:
    real = files.shared / path.path
    return real.parent if path.is_file else real


def _leads_elsewhere(shared: Path, folder: Path) -> bool:
    """Whether a link below `shared` is on the way: whose, and what it leads to, is not ours to say."""
    return os.path.realpath(folder) != os.path.join(os.path.realpath(shared), os.path.relpath(folder, shared))


def _may_write(place: Path, identity: Optional[dict[str, Any]]) -> bool:
    if not identity:
        return os.access(place, os.W_OK | os.X_OK)
    pid = os.fork()  # only the kernel knows all of it: groups, access control lists, read-only mounts
    if not pid:
        code = 1
        try:
            os.setgroups(identity["extra_groups"])
            os.setgid(identity["group"])
            os.setuid(identity["user"])
            code = 0 if os.access(place, os.W_OK | os.X_OK) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
