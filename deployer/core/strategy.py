"""How does a new release's process take the place of an old one?  `update:` of a process type, and what `auto` means.

`overlap`: the new ones are up beside the old, then the traffic moves, then the old ones are told to stop.  `rolling`:
one after the other, each on its own port.  `drain`: the new ones are up, the old ones are told to stop and may take up
to `stop_timeout` over it, with nobody waiting.  `stop-first`: all old ones have ended before the first new one starts.
"""

from __future__ import annotations

from deployer.core.manifest import ProcessType

AUTO, OVERLAP, ROLLING, DRAIN, STOP_FIRST = "auto", "overlap", "rolling", "drain", "stop-first"
CHOICES = (AUTO, OVERLAP, ROLLING, DRAIN, STOP_FIRST)
PORT, SOCKET = "port", "socket"


def strategy(kind: ProcessType, *, routed: bool) -> str:
    """One of the four strategies for `kind`; `routed` says whether a router sends requests to its ports.

    Of a type that is to run `once` two must never run.  What binds a port of its own, with nobody to move the traffic
    to another one, can only go one by one.
    """
    if alone(kind):
        return STOP_FIRST
    if kind.update == AUTO:
        return OVERLAP if kind.binds_port and (routed or kind.listen == SOCKET) else ROLLING
    if kind.update in (OVERLAP, DRAIN) and stuck(kind, routed=routed):
        return ROLLING
    return kind.update


def alone(kind: ProcessType) -> bool:
    """Whether the whole target has one of it at most."""
    return kind.once or bool(kind.schedule)


def stuck(kind: ProcessType, *, routed: bool) -> bool:
    """Whether its processes have to keep their ports: they bind them, and no router would find others."""
    return kind.binds_port and not routed and kind.listen != SOCKET
