"""The guard's own program: the agent is dead, and what was pending is put back."""

from __future__ import annotations

import fcntl
from pathlib import Path

from deployer.agent import recovery
from deployer.agent.layout import Layout
from deployer.agent.lock import Lock
from deployer.agent.managers import manager_of


def main(arguments: list[str]) -> None:
    """Recover, holding the lock that was inherited."""
    root, app, target, lock = arguments
    fcntl.fcntl(int(lock), fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # what recovery starts must not hold the lock
    files = Layout(Path(root), app, target)
    Lock(files.lock).inherit(int(lock))
    recovery.recover(files, manager_of(files))
