"""One-off processes: what flows between one and the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from deployer.core import requests, wire
from deployer.hosts.fleet import Answers
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

    def taken(self, count: int) -> None:
        """The process has taken `count` more bytes of its input."""
        ...

    def show(self, output: bytes, *, error: bool) -> None:
        """What the process wrote to stdout, or (`error`) to stderr."""
        ...


def execute(session: Session, request: requests.Exec, terminal: Terminal) -> int:
    """Run a one-off process on one host to its end; its exit code."""

    def heard(kind: bytes, payload: bytes) -> None:
        if kind in (wire.STDOUT, wire.STDERR):
            terminal.show(payload, error=kind == wire.STDERR)
        elif kind == wire.TAKEN:
            terminal.taken(wire.load(payload)["bytes"])

    def asked() -> None:
        terminal.attach(session)

    try:
        return session.call(request, requests.Ended, heard=heard, asked=asked).code
    finally:
        terminal.detach()


def execute_everywhere(
    target: Target, request: requests.Exec, emit: Callable[[str, bytes, bool], None]
) -> Answers[requests.Ended]:
    """Run a one-off process on every host that the command is for, all at once, without input.

    `emit` gets (host, bytes, whether it is stderr), from several threads.
    """

    def one(session: Session) -> requests.Ended:
        def heard(kind: bytes, payload: bytes) -> None:
            if kind in (wire.STDOUT, wire.STDERR):
                emit(session.host.name, payload, kind == wire.STDERR)

        def asked() -> None:
            session.send(wire.END)

        return session.call(request, requests.Ended, heard=heard, asked=asked)

    return target.ask(one)
