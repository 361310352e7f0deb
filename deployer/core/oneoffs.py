"""What can be asked of a host about one-off processes?  Requests and replies, as in requests.py."""

from __future__ import annotations

from typing import Optional

from deployer.core.message import message

KIND = "run"  # `run.3`: how those are called that go on by themselves


@message
class Exec:
    """A one-off process in the environment of a release (None: the current one); frames carry its streams.

    It has the limits of the process type `type`, none where that is ''.
    """

    version: Optional[int]
    argv: list[str]
    terminal: bool
    rows: int = 24
    columns: int = 80
    term: str = ""
    type: str = ""


@message
class Reserve:
    """Take the next number of a one-off process that goes on by itself, at least `least`: it is never given again."""

    least: int


@message
class Reserved:
    """The number."""

    number: int


@message
class Detach:
    """Begin a one-off process under a reserved number; it goes on when the session is over.  `by` is who began it."""

    number: int
    version: Optional[int]
    argv: list[str]
    type: str
    by: str


@message
class Detached:
    """It runs from this release."""

    release: int


@message
class EndOneOff:
    """End a one-off process that goes on by itself; one that has ended stays as it is."""

    number: int


@message
class OneOffEnded:
    """How it has ended: `exited with code 0 after 12.0 s`."""

    release: int
    how: str
