"""Which process has taken a connection of ours?  Many may accept on one socket; the kernel knows who did.

The other end's inode comes from sock_diag(7), one question and one answer however busy the host is, or where that is
not to be had from /proc/net; the processes that hold it from /proc/PID/fd.
"""

from __future__ import annotations

import socket
import time
from typing import Optional

from deployer.agent import procfs, sock_diag

QUICK, SLOW, GROWTH = 0.0005, 0.02, 1.5


def taken(connection: socket.socket, pid: int, seconds: float) -> Optional[bool]:
    """Whether the other end of our `connection` to this host was accepted by the family of `pid`; by anybody, for 0.

    False too where nobody has within `seconds`; None where we may not see what that family holds.
    """
    deadline, pause = time.monotonic() + seconds, QUICK
    while time.monotonic() < deadline:
        inode = _inode(connection)
        if inode:
            return _has(pid, inode) if pid else True
        time.sleep(pause)
        pause = min(pause * GROWTH, SLOW)
    return False


def _inode(connection: socket.socket) -> int:
    """The inode of the other end, 0 while it waits to be accepted or where it is gone."""
    ours, theirs = connection.getsockname()[:2], connection.getpeername()[:2]
    try:
        return sock_diag.inode(connection.family, theirs, ours)
    except OSError:  # not every kernel and not every container lets us ask
        return _listed(theirs[1], ours[1])


def _listed(local: int, remote: int) -> int:
    ends = f":{local:04X}", f":{remote:04X}"
    for table in ("tcp6", "tcp"):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                found = [line.split() for line in file if ends[0] in line and ends[1] in line]
        except FileNotFoundError:  # no IPv6 here
            continue
        for fields in found:
            if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]) and fields[9] != "0":
                return int(fields[9])
    return 0


def _has(pid: int, inode: int) -> Optional[bool]:
    """Whether the family of `pid` holds the socket; looked for twice: it is accepted just before it is a descriptor."""
    for _ in range(2):
        seen, hidden = False, False
        for process in procfs.family(pid):
            try:
                if str(inode) in procfs.open_sockets(process.pid).values():
                    return True
                seen = True
            except PermissionError:
                hidden = True
            except OSError:  # it has ended meanwhile
                continue
        if hidden and not seen:
            return None
        time.sleep(QUICK)
    return False
