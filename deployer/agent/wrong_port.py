"""Wrong port: a process that listens somewhere else than on its own port is told so, and not after its boot timeout.

An app may open another port first, for metrics or a debugger, and its own when it is ready.  So nothing is said while
it is at work, nor, for longer, while it has connections: it may be waiting for its database.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator

from deployer.agent import procfs, sockets
from deployer.core.message import message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

PAUSE = 0.25  # seconds between two looks
QUIET, QUIET_CONNECTED = 2.0, 10.0  # seconds that it does nothing else, without and with connections
BUSY = 0.1  # the share of a processor that is work, of all its processes together
TICKS = os.sysconf("SC_CLK_TCK")
LOOPBACK = ("127.", "::1", "::ffff:127.")


@message
class Held:
    """What processes have open: the TCP ports that they listen on, and what else."""

    ports: tuple[int, ...] = ()
    others: tuple[str, ...] = ()


class WrongPort:
    """Watches one process until it listens on its own port; `found` says where it listens instead."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._since: Optional[float] = None
        self._ports: tuple[int, ...] = ()
        self._worked = 0

    def found(self, pid: int, own: int, *, patient: bool = False) -> tuple[int, ...]:
        """The ports other than its `own` on which the family of `pid` has been listening for a while, doing nothing.

        Who is `patient` waits as long as for one that has connections.
        """
        now = time.monotonic()
        if now - self._looked < PAUSE:
            return ()
        before, self._looked = self._looked, now
        family = procfs.family(pid)
        seen = held([process.pid for process in family], udp=False)
        ports = tuple(port for port in seen.ports if port != own)
        worked = sum(process.worked for process in family)
        busy = any(process.state in "RD" for process in family) or worked - self._worked > BUSY * (now - before) * TICKS
        self._worked = worked
        if not ports or ports != self._ports or busy or self._since is None:
            self._ports, self._since = ports, now
            return ()
        quiet = now - self._since
        if quiet < QUIET:
            return ()
        waits = quiet < QUIET_CONNECTED and (patient or sockets.connected(_inodes(one.pid for one in family)))
        return () if waits else ports


def held(pids: Iterable[int], *, udp: bool = True) -> Held:
    """What these processes have open."""
    inodes = _inodes(pids)
    ports = {listener.port for listener in sockets.everywhere() if listener.inode in inodes}
    others = []
    if udp:
        others = [f"the UDP port {_port(f[1])}" for f in _table("udp", "udp6") if f[9] in inodes and not _port(f[2])]
        others += [f"the unix socket {path}" for inode, path in _unix() if inode in inodes]
    return Held(tuple(sorted(ports)), tuple(sorted(others)))


def loopback_only(port: int) -> str:
    """The address by which a port is reached from this host alone; '' where others reach it, or nobody does."""
    found = [listener.address for listener in sockets.listeners(port)]
    return found[0] if found and all(address.startswith(LOOPBACK) for address in found) else ""


def _inodes(pids: Iterable[int]) -> set[str]:
    found: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            found.update(procfs.open_sockets(pid).values())
    return found


def _table(*names: str) -> Iterator[list[str]]:
    for name in names:
        with contextlib.suppress(FileNotFoundError), open(f"/proc/net/{name}", encoding="ascii") as file:
            next(file, "")
            yield from (line.split(None, 10) for line in file.read().splitlines())


def _unix() -> Iterator[tuple[str, str]]:
    """The inodes and the paths of the unix sockets that listen."""
    with contextlib.suppress(FileNotFoundError), open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split(None, 7)
            if len(fields) == 8 and fields[3] == "00010000":  # it accepts connections (linux/net.h)
                yield fields[6], fields[7].strip()


def _port(end: str) -> int:
    return int(end.rpartition(":")[2], 16)
