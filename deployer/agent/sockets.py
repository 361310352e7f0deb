"""Who listens on a TCP port?  The kernel names the socket's inode, /proc/PID/fd the processes that hold it."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator
from typing import Iterable, Optional

from deployer.agent import procfs, sock_diag
from deployer.core.formation import LAST_PORT
from deployer.core.message import message

LISTEN, ESTABLISHED, CONNECTING = "0A", "01", "02"
HERE, THERE = 1, 2  # the fields that say where the ends of a connection are
SOON = 1.0  # seconds


@message
class Listener:
    """A listening socket: where, and its inode."""

    address: str
    port: int
    inode: str

    @property
    def reachable(self) -> str:
        """An address of this host at which it answers."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)  # noqa: S104 - nothing is bound


def listeners(port: int) -> list[Listener]:
    """All sockets that listen on `port`, whatever the address."""
    return [listener for listener in everywhere() if listener.port == port]


def everywhere() -> list[Listener]:
    """All sockets of this host that listen."""
    try:
        return [Listener(address, port, str(inode)) for address, port, inode in sock_diag.listening()]
    except OSError:  # not every kernel and not every container lets us ask
        return listed()


def listed() -> list[Listener]:
    """The same from /proc/net, at the cost of a look at every connection."""
    ends = ((row[HERE].partition(":"), row[9]) for row in _table() if row[3] == LISTEN)
    return [Listener(_address(address), int(port, 16), inode) for (address, _, port), inode in ends]


def established(port: int) -> int:
    """How many connections to `port` of this host are open at both ends."""
    return sum(row[3] == ESTABLISHED for row in _rows(port))


def leading(address: str, port: int) -> int:
    """How many connections lead from this host to `port` of another one."""
    try:
        known = {told[4][0] for told in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)}
    except OSError:  # its name leads nowhere any more
        return 0
    rows = (row for row in _rows(port, THERE) if row[3] == ESTABLISHED)
    return sum(_address(row[THERE].partition(":")[0]).rpartition("::ffff:")[2] in known for row in rows)


def answers(address: str, port: int) -> bool:
    """Whether a connection to `port` of another host is taken, and soon."""
    try:
        socket.create_connection((address, port), SOON).close()
    except OSError:
        return False
    return True


def connected(inodes: set[str]) -> bool:
    """Whether one of these sockets is a connection, or about to be one."""
    return any(row[9] in inodes and row[3] in (ESTABLISHED, CONNECTING) for row in _table())


def _rows(port: int, end: int = HERE) -> Iterator[list[str]]:
    """The fields of every socket of ours of which that `end` is at `port`."""
    at = f":{port:04X}"
    return (row for row in _table() if row[end].endswith(at))


def _table() -> Iterator[list[str]]:
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except FileNotFoundError:  # no IPv6 here
            continue
        yield from (line.split(None, 10) for line in lines)


def listening(pid: int, port: int) -> Optional[Listener]:
    """The socket by which `pid`, its process group or a descendant of it listens on `port`, or None."""
    found = {listener.inode: listener for listener in listeners(port)}
    if not found:
        return None
    holder = _holder(set(found), (process.pid for process in procfs.family(pid)))
    return found[holder[1]] if holder else None


def listens(pid: int, port: int) -> bool:
    """Whether `pid`, its process group or a descendant of it listens on `port`."""
    return listening(pid, port) is not None


def owner(port: int) -> Optional[tuple[int, str]]:
    """The pid and the name of a process that listens on `port`; (0, '') if it is not ours to see, None if nobody."""
    found = {listener.inode for listener in listeners(port)}
    if not found:
        return None
    holder = _holder(found, (process.pid for process in procfs.everyone()))
    process = procfs.stat(holder[0]) if holder else None
    return (process.pid, process.name) if process else (0, "")


def had_by(port: int, name: str) -> Optional[bool]:
    """Whether a process of this name has a socket that listens on `port`; None where we may not see what it has."""
    wanted = {listener.inode for listener in listeners(port)}
    seen = not wanted
    for process in procfs.everyone() if wanted else ():
        if process.name == name:
            with contextlib.suppress(OSError):  # another user's, or it ended meanwhile
                if wanted.intersection(procfs.open_sockets(process.pid).values()):
                    return True
                seen = True
    return False if seen else None


def free(port: int) -> bool:
    """Whether a process could bind `port` on every address now; there are none beyond 1 to 65535."""
    return 0 < port <= LAST_PORT and all(_bindable(family, port) for family in (socket.AF_INET, socket.AF_INET6))


def _bindable(family: int, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(("", port))
            except OSError as error:  # an address that this host has not got is nobody else's either
                return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    except OSError:  # no IPv6 here
        return True
    return True


def _holder(inodes: set[str], pids: Iterable[int]) -> Optional[tuple[int, str]]:
    for pid in pids:
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            for inode in procfs.open_sockets(pid).values():
                if inode in inodes:
                    return pid, inode
    return None


def _address(digits: str) -> str:
    """The address that /proc/net writes as 32-bit words in the host's byte order."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
