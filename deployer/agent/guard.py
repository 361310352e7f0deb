"""Who undoes a pending switch when the agent itself is killed?  A guard: a process that outlives it.

It reads a pipe and has inherited the lock, so nobody can come in between.  The pipe's end of file without a word
before it means that the agent died.  Until then it is a shell that waits: an interpreter would cost every host of every
run more than the switch itself.
"""

from __future__ import annotations

import contextlib
import os
import sys

from deployer.agent.fault import FAULT, point
from deployer.agent.layout import Layout

DISMISSED = b".\n"
PATIENCE = 2.0  # seconds that a guard may take to go: one that is frozen is killed, or it would keep the lock
WAIT = 'read -r word || exec "$@"'


class Guard:
    """The guard of one pending switch, started before anything is changed."""

    def __init__(self, program: str, files: Layout, lock: int) -> None:
        import subprocess  # noqa: PLC0415 - a session that switches nothing needs none

        assert lock is not None
        self._late = subprocess.TimeoutExpired
        reading, self._writing = os.pipe()
        point("guard.start")
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", WAIT, "guard", sys.executable, "-IS", program, "guard", str(files.root), files.app,
                 files.target, str(lock)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(lock,),
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
            try:
                self._process.wait(PATIENCE)
            except self._late:
                self._process.kill()
                self._process.wait()
