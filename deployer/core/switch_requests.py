"""Requests of a switch that was prepared: do it, keep it under watch, undo it, end what it replaced."""

from __future__ import annotations

from typing import Optional

from deployer.core.message import field, message


@message
class Switch:
    """Do what `attempt` has prepared."""

    attempt: str


@message
class Switched:
    """What the switch did: `changed` is false where everything was so already; `ports` as handed out.

    `ready` and `stop` are the longest times that processes of a type took to be up, and to stop; `killed` are those
    that did not stop in time (`web.1 of v41`).  `gap` is the longest time that a port had nobody who listened on it.
    """

    changed: bool
    previous: Optional[int]
    ports: dict[str, int]
    seconds: float
    ready: dict[str, float] = field(default_factory=dict)
    stop: dict[str, float] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    gap: dict[str, float] = field(default_factory=dict)


@message
class StillUp:
    """Are all processes that `attempt` has brought up still up, and none of them started again?"""

    attempt: str


@message
class Restore:
    """Undo the pending switch, if there is one."""


@message
class Retire:
    """Tell the old processes to stop that still run beside those of the run that was just confirmed."""
