"""Logs, and one-off processes: what flows between a process and the caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from deployer.core import requests, wire
from deployer.hosts.session import Session
from deployer.stages.target import Target


class Terminal(Protocol):
    """The caller's side of a one-off process."""

    def attach(self, session: Session) -> None:
        """Send input, window sizes and signals through `session` from now on, until `detach`."""
        ...

    def detach(self) -> None:
        """Stop, and put the caller's terminal back as it was."""
        ...

    def show(self, output: bytes, *, error: bool) -> None:
        """What the process wrote to stdout, or (`error`) to stderr."""
        ...


def logs(
    target: Target,
    processes: Sequence[str],
    emit: Callable[[str, bytes], None],
    *,
    lines: int,
    follow: bool,
    version: int | None = None,
) -> None:
    """Give `emit` (process, bytes) the last `lines` lines of each process, and with `follow` all that come."""

    def heard(kind: bytes, payload: bytes) -> None:
        if kind == wire.STDOUT:
            name, _, text = payload.partition(b"\0")
            emit(name.decode(), text)

    request = requests.Logs(list(processes), lines, follow, version)
    target.primary.call(request, requests.Done, heard=heard)


def execute(target: Target, request: requests.Exec, terminal: Terminal) -> int:
    """Run a one-off process to its end; its exit code."""

    def heard(kind: bytes, payload: bytes) -> None:
        if kind in (wire.STDOUT, wire.STDERR):
            terminal.show(payload, error=kind == wire.STDERR)

    def asked() -> None:
        terminal.attach(target.primary)

    try:
        return target.primary.call(request, requests.Ended, heard=heard, asked=asked).code
    finally:
        terminal.detach()
