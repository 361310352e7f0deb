"""Who undoes a pending switch when the agent itself is killed?  A guard: a process that outlives it.

It holds the read end of a pipe and has inherited the lock, so nobody can come in between.  The pipe's end of file
without a word before it means that the agent died.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.agent.fault import FAULT, point
from deployer.agent.layout import Layout

if TYPE_CHECKING:
    from deployer.agent.context import Host

DISMISSED = b"."


class Guard:
    """The guard of one pending switch, started before anything is changed."""

    def __init__(self, host: Host) -> None:
        assert host.lock.descriptor is not None
        reading, self._writing = os.pipe()
        files = host.files
        point("guard.start")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-IS", host.program, "guard", str(files.root), files.app, files.target,
                 str(reading), str(host.lock.descriptor)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(reading, host.lock.descriptor),
                start_new_session=True,
                cwd="/",
                env={name: value for name, value in os.environ.items() if name != FAULT},
            )  # fmt: skip
        finally:
            os.close(reading)

    def dismiss(self) -> None:
        """The switch is confirmed or undone; the guard lets go of the lock before this returns."""
        if self._writing >= 0:
            with contextlib.suppress(BrokenPipeError):  # somebody has killed it: there is nobody to dismiss
                os.write(self._writing, DISMISSED)
            os.close(self._writing)
            self._writing = -1
            self._process.wait()


def main(arguments: list[str]) -> None:
    """Wait for the agent's word or its death; in the latter case recover, holding the lock."""
    root, app, target, reading, lock = arguments
    if os.read(int(reading), 1) == DISMISSED:
        return
    from deployer.agent import recovery  # noqa: PLC0415 - needed only when something went wrong
    from deployer.agent.serve import manager  # noqa: PLC0415

    fcntl.fcntl(int(lock), fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # what recovery starts must not hold the lock
    files = Layout(Path(root), app, target)
    recovery.recover(files, manager(files))
