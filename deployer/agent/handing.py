"""Which process types have to end their old processes before new ones can begin, this once?

A listening socket that is given to processes outlives releases.  Where its port was bound by processes until now, or by
the socket of another type, where it moves to another port or address, or where nobody holds it any more, it can only
be opened once no process has the old one.
"""

from __future__ import annotations

from typing import Mapping, Sequence

from deployer.agent.environment import LOOPBACK, behind_router, socket_address
from deployer.agent.managers import Instance, ProcessManager
from deployer.core.formation import Places, Process
from deployer.core.release import Spec
from deployer.core.strategy import SOCKET

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - nothing is bound here


def moving(given: Places, places: Places, wanted: Sequence[Process], present: Sequence[Process]) -> set[str]:
    """The types of which a port changes hands between sockets (`given` before, in `places` from now on) or processes.

    `present` are the processes that run, `wanted` those that are to.
    """
    held = {port: kind for kind, port in given.shared.items()}
    bound = {process.port for process in present if process.type not in given.sockets}
    found = set()
    for process in wanted:
        kind, port = process.type, process.port
        if not port:
            continue
        if kind not in places.sockets:
            changes = port in held
        else:
            moved = given.shared.get(kind, port) != port
            changes = moved or port in bound or held.get(port, kind) != kind
        if changes:
            found.add(kind)
    return found


def readdressed(manager: ProcessManager, given: Mapping[str, int], spec: Spec) -> set[str]:
    """The types whose socket (`given`, with its port) listens on an address that does not do for the release `spec`."""
    found = set()
    for kind, address in (manager.held(given) if given else {}).items():
        known = spec.types.get(kind)
        if known is not None and known.listen == SOCKET:
            wanted = socket_address(spec, kind, known.command, known.address)
            if not _does(address, wanted, routed=behind_router(spec, kind)):
                found.add(kind)
    return found


def unheld(manager: ProcessManager, given: Mapping[str, int], instances: Sequence[Instance]) -> set[str]:
    """The types that have processes and a socket (`given`, with its port), but nobody holds that."""
    living = {instance.process.type for instance in instances}
    kinds = {kind: port for kind, port in given.items() if kind in living}
    return kinds.keys() - manager.held(kinds).keys() if kinds else set()


def _does(has: str, wanted: str, *, routed: bool) -> bool:
    """Whether a socket on the address `has` is as good as one on `wanted`; a router reaches it on every one of ours."""
    if has == wanted or (has in EVERYWHERE and wanted in EVERYWHERE):
        return True
    return routed and has in (*EVERYWHERE, LOOPBACK)
