"""What must a way of reaching a host be able to do?  The protocol; `local.py` is the first."""

from __future__ import annotations

from typing import BinaryIO, Protocol

SILENCE = 30.0  # seconds


class Channel(Protocol):
    """A running agent: its stdin to write to, its replies to read from.

    A read raises `TimeoutError` when nothing came for `SILENCE` seconds: an agent that lives sends heartbeats.
    """

    writer: BinaryIO
    reader: BinaryIO

    def close(self, *, timeout: float) -> None:
        """End the agent's input and wait up to `timeout` seconds for its end; it undoes what is pending first."""
        ...

    def complaint(self) -> str:
        """What the agent printed on stderr: shown when it dies without an answer."""
        ...


class Host(Protocol):
    """One machine of a target."""

    name: str
    root: str

    def start(self) -> Channel:
        """Have the agent there and start a session; `HostUnreachable` says what is in the way."""
        ...
