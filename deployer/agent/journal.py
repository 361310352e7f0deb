"""What has a process written, as the host's journal has it?

Only what came from the process's own stdout and stderr (`_TRANSPORT=stdout`), since systemd runs this target, from the
unit that systemd itself vouches for: no other program's word under the same name is shown.  For the units of a user it
does not vouch where the line's writer has ended already, as a crash has: there the identifier counts that the unit
gives, and that the same user wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from typing import Any, Callable, Iterator, Sequence

from deployer.agent import unit_setup
from deployer.agent.layout import Layout
from deployer.agent.program import ask
from deployer.agent.systemctl import PATIENCE, Systemctl
from deployer.core.errors import RunFailed
from deployer.core.message import message

PAUSE = 0.1


@message
class Entry:
    """One line of a unit; `at` in seconds of the epoch, `cursor` its place in the journal."""

    unit: str
    at: float
    text: bytes
    cursor: str


class Journal:
    """The journal of one target's units."""

    def __init__(self, files: Layout, systemctl: Systemctl) -> None:
        self._files, self._systemctl = files, systemctl
        self._field = "_SYSTEMD_UNIT" if systemctl.of_the_system else "SYSLOG_IDENTIFIER"
        self._suffix = "" if systemctl.of_the_system else ".service"  # of a unit, which its identifier has not

    def entries(self, units: Sequence[str], lines: int) -> list[tuple[float, bytes]]:
        """The last `lines` lines of these units together, each with its time in seconds of the epoch."""
        return [(entry.at, entry.text) for entry in self._last(units, lines)]

    def follow(
        self,
        writers: Sequence[Sequence[str]],
        lines: int,
        emit: Callable[[str, float, bytes], None],
        idle: Callable[[], bool],
    ) -> None:
        """Give `emit` the last `lines` lines of each writer, in the order of time, and every new one until `idle()`.

        A writer is one process: the units that it has been, one after the other.
        """
        units = [unit for writer in writers for unit in writer]
        newest = self._last(units, 1)
        found = [entry for writer in writers for entry in self._last(writer, lines) if entry.at <= newest[0].at]
        for entry in sorted(found, key=lambda entry: entry.at):
            emit(entry.unit, entry.at, entry.text)
        after = f"--after-cursor={newest[0].cursor}" if newest else f"--since=@{unit_setup.since(self._files)}"
        with self._following([*self._words(units), "--follow", "--no-tail", after]) as journalctl:
            pending = b""
            while not idle():
                if not select.select([journalctl], [], [], PAUSE)[0]:
                    continue
                added = os.read(journalctl, 1 << 16)
                if not added:
                    raise RunFailed("journalctl has ended while it was followed", hint="run the command again")
                *whole, pending = (pending + added).split(b"\n")
                for entry in map(self._parse, whole):
                    emit(entry.unit, entry.at, entry.text)

    def _last(self, units: Sequence[str], lines: int) -> list[Entry]:
        """The last `lines` lines of all these units together, oldest first."""
        if lines <= 0 or not units or not unit_setup.since(self._files):
            return []
        # backwards: with --since alone journalctl would give the first lines after it
        words = [*self._words(units), "--reverse", f"--lines={lines}", f"--since=@{unit_setup.since(self._files)}"]
        answer = ask(words, self._systemctl.environment(), patience=PATIENCE)
        return [self._parse(line) for line in reversed(answer.output.splitlines())]

    @contextlib.contextmanager
    def _following(self, words: Sequence[str]) -> Iterator[int]:
        process = subprocess.Popen(
            words,
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

    def _words(self, units: Sequence[str]) -> list[str]:
        fields = f"--output-fields=MESSAGE,{self._field}"
        matches = [f"{self._field}={unit[: len(unit) - len(self._suffix)]}" for unit in units]
        if not self._systemctl.of_the_system:
            matches.append(f"_UID={self._systemctl.user}")
        return ["journalctl", "--quiet", "--no-pager", "--all", "--output=json", fields, "_TRANSPORT=stdout", *matches]

    def _parse(self, line: bytes) -> Entry:
        found = json.loads(line)
        at = int(found["__REALTIME_TIMESTAMP"]) / 1e6
        unit = f"{found.get(self._field, '')}{self._suffix}"
        return Entry(unit, at, _bytes(found.get("MESSAGE")), str(found["__CURSOR"]))


def _bytes(message: Any) -> bytes:
    """A message: a string, or a list of bytes where it is not all printable."""
    if isinstance(message, list):
        return bytes(message)
    return message.encode("utf-8", "surrogateescape") if isinstance(message, str) else b""
