"""Which listening sockets does systemd hold for the processes of a target?

One socket unit for each process type that is given its socket.  It is begun before the first process of the type, and
outlives them all until the type goes away or the app is stopped for good: connections wait in its queue meanwhile, and
are never refused.
"""

from __future__ import annotations

import contextlib
from typing import Collection, Mapping, Optional

from deployer.agent import durable, sockets, unit_files
from deployer.agent.handed import BACKLOG
from deployer.agent.layout import Layout
from deployer.agent.systemctl import Systemctl
from deployer.agent.unit_setup import UnitSetup
from deployer.core.errors import RunFailed

# systemd itself starts what a connection to the socket waits for only while nothing of the type runs, and then what is
# named here: a unit that does nothing, since the processes are started by those who know which.  Without it systemd
# would refuse the socket; and whatever may fail, or be tried too often, would take the socket down with it.
_SOCKET = """\
{owner}
[Unit]
Description={app} on {target}: the socket of {kind}
StartLimitIntervalSec=0

[Socket]
ListenStream={listen}
Backlog={backlog}
NoDelay=true
FileDescriptorName={kind}
TriggerLimitIntervalSec=0
Service={idle}
"""

_IDLE = """\
{owner}
[Unit]
Description={app} on {target}: a connection waits for {kind}
PartOf={socket}
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
"""


class UnitSockets:
    """The socket units of one target; a type is `declared` where it has one."""

    def __init__(self, files: Layout, systemctl: Systemctl, units: UnitSetup) -> None:
        self._files, self._systemctl, self._units = files, systemctl, units

    def declared(self) -> set[str]:
        """The process types that have a socket."""
        before = len(f"{self._files.app}-{self._files.target}-")
        return {name[before : -len(".socket")] for name in self._units.sockets()}

    def present(self) -> dict[str, bytes]:
        """The unit files that are there, by name."""
        names = [*self._units.sockets(), *(_idle_name(self._files, kind) for kind in self.declared())]
        return {name: (self._systemctl.units / name).read_bytes() for name in names}

    def contents(self, places: Mapping[str, tuple[str, int]]) -> dict[str, bytes]:
        """The unit files of these types by name; each type with its address ('' for every one) and port."""
        found = {}
        for kind, (address, port) in places.items():
            found[_idle_name(self._files, kind)] = _idle(self._files, kind)
            socket = _socket(self._files, kind, address=address, port=port)
            found[unit_files.socket_name(self._files, kind)] = socket
        return found

    def settled(self, places: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
        """`places`, but with the address that an open socket has: systemd drops one whose unit is told another."""
        found = dict(places)
        for kind, (address, port) in places.items():
            name = unit_files.socket_name(self._files, kind)
            with contextlib.suppress(FileNotFoundError):
                known, _, at = self._listens(name).rpartition(":")
                if (known, at) != (address, str(port)) and at == str(port) and self._active(name):
                    found[kind] = (known, port)
        return found

    def leave(self, places: Mapping[str, tuple[str, int]]) -> None:
        """Close the sockets of these types that are on another port: a unit is told another while it is closed only.

        Told so while it is open, systemd drops the socket, and says that it listens there.
        """
        for kind, (_, port) in places.items():
            name = unit_files.socket_name(self._files, kind)
            with contextlib.suppress(FileNotFoundError):
                _, _, at = self._listens(name).rpartition(":")
                if at != str(port):
                    self._systemctl.tell("stop", name)

    def holds(self, kind: str, port: int) -> bool:
        """Whether systemd has the socket of this type, whatever it says of its unit."""
        name = unit_files.socket_name(self._files, kind)
        known = self._systemctl.show(name, "ActiveState", "Listen").get(name, {})
        if known.get("ActiveState") != "active" or f":{port} (" not in known.get("Listen", ""):
            return False
        return sockets.had_by(port, "systemd") is not False

    def address(self, kind: str) -> str:
        """Where the socket of this type listens, '' for every address."""
        return self._listens(unit_files.socket_name(self._files, kind)).rpartition(":")[0]

    def _listens(self, name: str) -> str:
        """Where the unit file has it listen."""
        text = (self._systemctl.units / name).read_text()
        return text.partition("ListenStream=")[2].partition("\n")[0]

    def _active(self, name: str) -> bool:
        return self._systemctl.show(name, "ActiveState").get(name, {}).get("ActiveState") == "active"

    def open(self, places: Mapping[str, tuple[str, int]]) -> None:
        """Have the sockets of these types listen; one that systemd says to have, but does not, is closed first."""
        for kind, (_, port) in places.items():
            name = unit_files.socket_name(self._files, kind)
            if self.holds(kind, port):
                continue
            if self._active(name):
                self._systemctl.tell("stop", name)
            try:
                self._systemctl.tell("start", name)
            except RunFailed as failure:
                raise _taken(kind, port) or failure from failure

    def close(self, kinds: Collection[str]) -> None:
        """Close the sockets of these types and forget them: connections are refused once no process listens either."""
        if not kinds:
            return
        names = [unit_files.socket_name(self._files, kind) for kind in kinds]
        self._systemctl.tell("stop", *names)
        for kind, name in zip(kinds, names):
            durable.remove(self._systemctl.units / name, name="systemd.unit")
            durable.remove(self._systemctl.units / _idle_name(self._files, kind), name="systemd.unit")


def _taken(kind: str, port: int) -> Optional[RunFailed]:
    owner = sockets.owner(port)
    if owner is None:
        return None
    who = f"pid {owner[0]} ({owner[1]})" if owner[0] else "another user's process"
    return RunFailed(
        f"port {port}, which the socket of {kind} has, is held by {who}",
        hint=f"stop it, or give `processes.{kind}.port` another port in deploy.yaml",
    )


def _idle_name(files: Layout, kind: str) -> str:
    return f"{files.app}-{files.target}-{kind}.idle.service"


def _socket(files: Layout, kind: str, *, address: str, port: int) -> bytes:
    listen = f"{address}:{port}" if address else str(port)
    return _SOCKET.format(
        owner=unit_files.owner(files),
        app=files.app,
        target=files.target,
        kind=kind,
        listen=listen,
        backlog=BACKLOG,
        idle=_idle_name(files, kind),
    ).encode()


def _idle(files: Layout, kind: str) -> bytes:
    return _IDLE.format(
        owner=unit_files.owner(files),
        app=files.app,
        target=files.target,
        kind=kind,
        socket=unit_files.socket_name(files, kind),
    ).encode()
