"""The guard's own program: it waits for the agent's word, or for its death, and then puts back what was pending."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from deployer.agent.guard import DISMISSED
from deployer.agent.layout import Layout


def main(arguments: list[str]) -> None:
    """Wait for the agent's word or its death; in the latter case recover, holding the lock."""
    root, app, target, reading, lock = arguments
    if os.read(int(reading), 1) == DISMISSED:
        return
    from deployer.agent import recovery  # noqa: PLC0415 - needed only when something went wrong
    from deployer.agent.managers import manager_of  # noqa: PLC0415

    fcntl.fcntl(int(lock), fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # what recovery starts must not hold the lock
    files = Layout(Path(root), app, target)
    recovery.recover(files, manager_of(files))
