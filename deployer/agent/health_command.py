"""Does the command that is to tell whether a process is up end with 0?  Run once, in a thread, as the process is.

It gets what the process got: its user, its directory, its environment with `PORT`.  What it leaves running is ended.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading

from deployer.agent import config, stage
from deployer.agent.child import end_group, home, identity
from deployer.agent.environment import base, environment
from deployer.agent.launch import SHELL, encoded
from deployer.agent.layout import Layout
from deployer.core.formation import Process
from deployer.core.secret import reveal

TIMEOUT = 10.0
LAST = 4096  # bytes of its output


class Trial:
    """One run of `command` for `process`; `answer` says how it ended, '' until it has; `output` what it last wrote."""

    def __init__(self, files: Layout, process: Process, command: str) -> None:
        self.answer, self.passed, self.output = "", False, b""
        self._files, self._process, self._command = files, process, command
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with tempfile.TemporaryFile() as output:
            try:
                code = self._ended(output.fileno())
            except OSError as error:
                self.answer = f"cannot be run ({error.strerror})"
                return
            output.seek(max(0, output.seek(0, os.SEEK_END) - LAST))
            self.output = output.read()
        self.passed = code == 0
        self.answer = f"did not end within {TIMEOUT:g} s" if code is None else f"ended with {code}"

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
        )
        running = subprocess.Popen(
            [SHELL, "-c", self._command],
            cwd=app,
            env=encoded(made),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **identity(spec),
        )
        try:
            return running.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(running.pid, lambda: running.poll() is not None)
