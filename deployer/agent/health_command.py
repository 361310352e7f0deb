"""Does the command that is to tell whether a process is up end with 0?  Run once, in a thread, as the process is.

It gets what the process got: its user, its directory, its environment with `PORT`.  What it leaves running is ended,
and so is the command itself when nobody waits for it any more: it is of no use to who does not hear its answer.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import tempfile
import threading
import time
from typing import Callable

from deployer.agent import config, stage
from deployer.agent.child import end_group, home, identity
from deployer.agent.environment import base, environment, working_folder
from deployer.agent.launch import SHELL, encoded
from deployer.agent.layout import Layout
from deployer.core.errors import DeployError
from deployer.core.formation import Process
from deployer.core.secret import reveal

TIMEOUT = 10.0
PAUSE = 0.01
LAST = 4096  # bytes of its output
PR_SET_PDEATHSIG = 1


class Trial:
    """One run of `command` for `process`, from `begun` on (of the monotonic clock).

    `answer` says how it ended, '' until it has; `output` is what it last wrote.
    """

    def __init__(self, files: Layout, process: Process, command: str) -> None:
        self.answer, self.passed, self.output, self.begun = "", False, b"", time.monotonic()
        self._files, self._process, self._command = files, process, command
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Nobody waits for its answer any more; returns at once, see `join`."""
        self._unwanted.set()

    def join(self) -> None:
        """Wait until nothing of it runs."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self.answer = self._tried()
        except DeployError as error:
            self.answer = f"cannot be run ({error.message})"
        except OSError as error:
            self.answer = f"cannot be run ({error.strerror})"
        except Exception as error:  # noqa: BLE001 - it would be waited for in vain
            self.answer = f"cannot be run ({type(error).__name__}: {error})"

    def _tried(self) -> str:
        with tempfile.TemporaryFile() as output:
            code = self._ended(output.fileno())
            output.seek(max(0, output.seek(0, os.SEEK_END) - LAST))
            self.output = output.read()
        self.passed = code == 0
        return f"did not end within {TIMEOUT:g} s" if code is None else f"ended with {code}"

    def _ended(self, output: int) -> int | None:
        files, process = self._files, self._process
        spec = stage.spec(files, process.release)
        app = home(files, process.release)
        made = environment(
            spec,
            reveal(config.variables(files, process.release)),
            app=app,
            process=process.name,
            port=process.port or None,
            base=base(spec.run_as if os.geteuid() == 0 else ""),
            turn=process.turn,
        )
        running = subprocess.Popen(
            [SHELL, "-c", self._command],
            cwd=working_folder(spec, app),
            env=encoded(made),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_us(),  # noqa: PLW1509 - a prctl: no more
            **identity(spec),
        )
        try:
            return self._awaited(running)
        finally:
            end_group(running.pid, lambda: running.poll() is not None)

    def _awaited(self, running: subprocess.Popen[bytes]) -> int | None:
        """Its exit code; None where it does not end in time, or nobody waits any more."""
        deadline = time.monotonic() + TIMEOUT
        while running.poll() is None and time.monotonic() < deadline and not self._unwanted.is_set():
            self._unwanted.wait(PAUSE)
        return running.returncode


def _end_with_us() -> Callable[[], None]:
    """What the command is to call between fork and exec, to be killed when the thread that forked it is no more.

    That thread outlives the command (prctl(2)), unless the whole agent is killed.
    """
    libc, us = ctypes.CDLL(None), os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != us:  # it was too late
            os._exit(1)

    return bind
