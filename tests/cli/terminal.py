"""The real `deploy` in a subprocess: with pipes, or on a pseudo-terminal of 80 columns."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAIN = (sys.executable, "-m", "deployer.cli.main")


def environment(**more):
    keep = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TMPDIR") if k in os.environ}
    return {**keep, "PYTHONPATH": str(ROOT), "TERM": "xterm", "GIT_CONFIG_GLOBAL": os.devnull, **more}


def deploy(*words, cwd=None, stdin="", timeout=60, **environ):
    return subprocess.run(
        [*MAIN, *words],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        env=environment(**environ),
        check=False,
    )


def python(script, **environ):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=environment(**environ),
    )


class Terminal:
    """A program on a pseudo-terminal; `shown` is all that it printed so far."""

    def __init__(self, argv, *, columns=80, cwd=None, **environ):
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(cwd or ".")
            os.execve(argv[0], argv, environment(**environ))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def until(self, text, seconds=30):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} was never shown, but {self.shown!r}")

    def send(self, text):
        os.write(self.fd, text.encode())

    def end(self, seconds=30):
        deadline = time.monotonic() + seconds
        while self._read(deadline - time.monotonic()):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, seconds):
        if not select.select([self.fd], [], [], max(seconds, 0))[0]:
            raise AssertionError(f"nothing more came in time, after {self.shown!r}")
        try:
            part = os.read(self.fd, 65536)
        except OSError:  # Linux says EIO when the last process has closed the terminal
            return False
        self.shown += part.decode("utf-8", "surrogateescape")
        return bool(part)


def on_a_terminal(script, *, columns=80, **environ):
    terminal = Terminal([sys.executable, "-c", script], columns=columns, **environ)
    code = terminal.end()
    return code, terminal.shown
