"""Which process types have to end their old processes before new ones can begin, this once?

A listening socket that is given to processes outlives releases.  Where its port was bound by processes until now, or by
the socket of another type, where it moves to another port or address, or where nobody holds it any more, it can only
be opened once no process has the old one.
"""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from deployer.agent import stage
from deployer.agent.environment import LOOPBACK, behind_router, socket_address
from deployer.agent.layout import Layout
from deployer.agent.managers import Instance, ProcessManager
from deployer.core.errors import DeployError
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


def readdressed(files: Layout, spec: Spec, present: Sequence[Process]) -> set[str]:
    """The types whose socket was opened on an address that does not do for the release of `spec`."""
    found = set()
    for kind in spec.launch.processes:
        releases = {process.release for process in present if process.type == kind.name} - {spec.version}
        if kind.listen == SOCKET and any(not _does(_address(files, v, kind.name), spec, kind.name) for v in releases):
            found.add(kind.name)
    return found


def unheld(manager: ProcessManager, given: Mapping[str, int], instances: Sequence[Instance]) -> set[str]:
    """The types that have processes and a socket (`given`, with its port), but nobody holds that."""
    living = {instance.process.type for instance in instances}
    kinds = {kind: port for kind, port in given.items() if kind in living}
    return manager.unheld(kinds) if kinds else set()


def _address(files: Layout, version: int, name: str) -> Optional[str]:
    """Where the socket of a type was opened for a release; None where that has no such socket, or says nothing."""
    try:
        spec = stage.spec(files, version)
    except DeployError:  # damaged, or pruned
        return None
    kind = spec.types.get(name)
    return socket_address(spec, name, kind.command, kind.address) if kind and kind.listen == SOCKET else None


def _does(has: Optional[str], spec: Spec, name: str) -> bool:
    kind = spec.types[name]
    wanted = socket_address(spec, name, kind.command, kind.address)
    if has is None or has == wanted:
        return True
    return behind_router(spec, name) and wanted == LOOPBACK and has in (*EVERYWHERE, LOOPBACK)
