"""Which ports do processes listen on, and which connections have they taken?  From /proc/net/tcp and /proc/PID/fd."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from deployer.agent import procfs, sockets

ESTABLISHED = "01"


class Row(NamedTuple):
    """A line of the kernel's table: `unread` bytes have come that nobody has read; no `inode`: not accepted yet."""

    port: int
    peer: int
    state: str
    unread: int
    inode: str


def listening(pids: Iterable[int]) -> list[tuple[str, int]]:
    """The addresses and ports that these processes listen on, by port."""
    inodes = _sockets(pids)
    found = (listener for listener in sockets.everywhere() if listener.inode in inodes)
    return [(one.address, one.port) for one in sorted(found, key=lambda listener: listener.port)]


def taken(port: int) -> set[int]:
    """The other ends' ports of the connections to `port` that were accepted and of which every byte was read."""
    rows = (row for row in _table() if row.port == port and row.state == ESTABLISHED)
    return {row.peer for row in rows if row.inode != "0" and not row.unread}


def _table() -> Iterator[Row]:
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/net/{name}", encoding="ascii") as file:
            next(file)
            for line in file:
                _, local, peer, state, queues, _, _, _, _, inode, *_ = line.split()
                unread = int(queues.partition(":")[2], 16)
                yield Row(int(local.rpartition(":")[2], 16), int(peer.rpartition(":")[2], 16), state, unread, inode)


def _sockets(pids: Iterable[int]) -> set[str]:
    found: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            found.update(procfs.open_sockets(pid).values())
    return found
