"""Would the next crash of a process be survived?  Its manager, its listening socket, and what it has to write to."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Sequence

from deployer.agent import handing, pending, stage
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPING, Instance, ProcessManager
from deployer.core.errors import DeployError
from deployer.core.release import Spec

WRITE, ENTER = 0o2, 0o1


def risks(files: Layout, manager: ProcessManager, instances: Sequence[Instance]) -> list[str]:
    """Why it would not, each in words; none where it would."""
    living = [instance for instance in instances if instance.state != STOPPING]
    try:
        found = [*manager.weaknesses(), *_unheld(files, manager, living)]
    except DeployError as error:  # systemd does not answer: what runs is known all the same
        found = [error.message]
    for version in sorted({instance.process.release for instance in living}):
        try:
            found += _closed(files, stage.spec(files, version))
        except DeployError:  # damaged: `deploy verify` says so
            continue
    return found


def _unheld(files: Layout, manager: ProcessManager, living: Sequence[Instance]) -> list[str]:
    """The sockets that nobody holds, of processes that were given one."""
    given = pending.places(files).shared
    return [
        f"nobody holds the socket of {kind} (port {given[kind]}): it could not listen again; `deploy run` opens it"
        for kind in sorted(handing.unheld(manager, given, living))
    ]


def _closed(files: Layout, spec: Spec) -> list[str]:
    """The shared paths that the processes of a release cannot write to."""
    told = []
    for shared in spec.shared:
        place = files.shared / shared.path
        if place.is_dir() and not _writable(str(place), spec.run_as):
            name = spec.run_as or "the app"
            told.append(f"{place} cannot be written to by {name}: `sudo chown {name} {place}` on the host")
    return told


def _writable(path: str, user: str) -> bool:
    """Whether `user` (we ourselves, if '') may make files in the folder `path`."""
    if not user or os.geteuid() != 0:
        return os.access(path, os.W_OK | os.X_OK)
    try:
        entry = pwd.getpwnam(user)
    except KeyError:  # nothing starts as somebody who is not there
        return True
    found, needed = os.stat(path), WRITE | ENTER
    if entry.pw_uid in (0, found.st_uid):
        needed = needed << 6 if entry.pw_uid else 0
    elif found.st_gid in {entry.pw_gid, *(group.gr_gid for group in grp.getgrall() if user in group.gr_mem)}:
        needed <<= 3
    return found.st_mode & needed == needed
