"""How do several processes run together in this terminal, until the first of them ends?  By honcho's manager.

Besides what it does: those that do not listen to SIGTERM are killed in the end even where all of them are so, and a
terminal or a reader that is gone ends them as Ctrl-C does.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Any

from honcho.manager import KILL_WAIT, Manager  # type: ignore[import-untyped]
from honcho.printer import Printer  # type: ignore[import-untyped]

from deployer.cli.display.screen import Screen
from deployer.core.signals import TERM, signal_number

KILL = "KILL"
SOON = 0.05  # seconds until a process that was just begun has said so


class Output:
    """The screen as honcho's printer writes on it."""

    def __init__(self, screen: Screen) -> None:
        self._screen, self._read = screen, True

    def isatty(self) -> bool:
        """Whether names are to be coloured."""
        return self._screen.out_coloured

    def write(self, text: str) -> None:
        """Write, as long as somebody reads it; then all is over."""
        if self._read and not self._screen.write(text):
            self._read = False
            signal.raise_signal(signal.SIGTERM)

    def flush(self) -> None:
        """Nothing is held back."""


class Together(Manager):  # type: ignore[misc]
    """Processes that run, and end, together."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(Printer(Output(screen)))
        self._owner = os.getpid()
        self._stop_signals: dict[str, str] = {}

    def add(self, name: str, command: str, environ: Mapping[str, str], folder: str, *, stop_signal: str = TERM) -> None:
        """One more; `command` is given to a shell as it is."""
        self.add_process(name, command, env=dict(environ), cwd=folder)
        self._stop_signals[name] = stop_signal

    def run(self) -> int:
        """Run all of them until one ends, or the caller wants to end them; the exit code of that."""
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        self.loop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        code = int(self.returncode or 0)
        return 128 - code if code < 0 else code

    def terminate(self) -> None:
        """Its stop_signal to each, and SIGKILL after a while to those that are left."""
        if os.getpid() != self._owner or self._terminating:  # the processes that wait for ours have our handlers first
            return
        if not self._all_started():
            self._after(SOON, self.terminate)
            return
        super().terminate()
        self._after(KILL_WAIT, self.kill)

    def _killall(self, force: bool = False) -> None:
        for name, process in self._processes.items():
            if "returncode" not in process:
                told = KILL if force else self._stop_signals[name]
                self._system_print(f"sending SIG{told} to {name} (pid {process['pid']})\n")
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process["pid"], signal_number(told))

    @staticmethod
    def _after(seconds: float, then: Any) -> None:
        signal.signal(signal.SIGALRM, lambda *_: then())
        signal.setitimer(signal.ITIMER_REAL, seconds)
