"""What has a process written, as the host's journal has it?

Only what came from the process's own stdout and stderr (`_TRANSPORT=stdout`), from the unit that systemd itself
vouches for, since the target is there: no other program's word under the same name is shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from typing import Any, Callable, Iterator, Sequence

from deployer.agent.layout import Layout
from deployer.agent.systemctl import PATIENCE, Systemctl
from deployer.agent.unit_setup import BEGUN
from deployer.core.errors import RunFailed

PAUSE = 0.1


class Journal:
    """The journal of one target's units."""

    def __init__(self, files: Layout, systemctl: Systemctl) -> None:
        self._files, self._systemctl = files, systemctl
        self._field = "_SYSTEMD_UNIT" if systemctl.of_the_system else "_SYSTEMD_USER_UNIT"

    def entries(self, unit: str, lines: int) -> list[tuple[float, bytes]]:
        """The last `lines` lines of a unit, each with its time in seconds of the epoch."""
        if lines <= 0 or not self._since():
            return []
        try:
            ended = subprocess.run(
                self._words([unit], lines),
                env=self._systemctl.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            raise RunFailed(f"journalctl does not answer in {PATIENCE:g} s") from None
        return [(at, text) for _, at, text in map(self._parse, ended.stdout.splitlines())]

    def follow(
        self, units: Sequence[str], lines: int, emit: Callable[[str, float, bytes], None], idle: Callable[[], bool]
    ) -> None:
        """Give `emit` the last `lines` lines of each unit, in the order of time, and every new one until `idle()`."""
        with self._following(units, lines) as journalctl:
            pending = b""
            while not idle():
                if not select.select([journalctl], [], [], PAUSE)[0]:
                    continue
                added = os.read(journalctl, 1 << 16)
                if not added:
                    raise RunFailed("journalctl has ended while it was followed", hint="run the command again")
                *whole, pending = (pending + added).split(b"\n")
                for line in whole:
                    emit(*self._parse(line))

    @contextlib.contextmanager
    def _following(self, units: Sequence[str], lines: int) -> Iterator[int]:
        process = subprocess.Popen(
            [*self._words(units, lines * len(units)), "--follow"],
            env=self._systemctl.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        assert process.stdout is not None
        try:
            yield process.stdout.fileno()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def _words(self, units: Sequence[str], lines: int) -> list[str]:
        fields = f"--output-fields=MESSAGE,{self._field}"
        matches = [f"{self._field}={unit}" for unit in units]
        options = ["--quiet", "--no-pager", "--all", "--output=json", fields, f"--lines={lines}"]
        return ["journalctl", *options, f"--since=@{self._since()}", "_TRANSPORT=stdout", *matches]

    def _since(self) -> str:
        """When the target came to this host: an earlier one of the same name is another's."""
        try:
            return (self._files.root / BEGUN).read_text().strip()
        except FileNotFoundError:
            return ""

    def _parse(self, line: bytes) -> tuple[str, float, bytes]:
        entry = json.loads(line)
        at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        return str(entry.get(self._field, "")), at, _bytes(entry.get("MESSAGE"))


def _bytes(message: Any) -> bytes:
    """A message: a string, or a list of bytes where it is not all printable."""
    if isinstance(message, list):
        return bytes(message)
    return message.encode("utf-8", "surrogateescape") if isinstance(message, str) else b""
