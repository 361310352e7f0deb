"""What does the kernel say of TCP sockets when it is asked for some of them?  sock_diag(7), by netlink.

/proc/net/tcp says the same and more, but it walks the table of all connections, whose size follows the host's memory:
milliseconds each time, of which a process that is waited for would cost many.  `OSError` where the kernel or a
container does not let us ask.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

SOCK_DIAG, BY_FAMILY, REQUEST, DUMP = 4, 20, 0x1, 0x300  # linux/sock_diag.h, linux/netlink.h
ERROR, DONE = 2, 3
HEADER = struct.Struct("=IHHII")
QUESTION = struct.Struct("=BBBxI")  # then the socket's id: two ports, two addresses, an interface, a cookie
PORTS, ADDRESSES = struct.Struct("!HH"), struct.Struct("=16s16sIII")
ADDRESS, INODE = 4 + PORTS.size, 4 + PORTS.size + ADDRESSES.size + 16  # where they are in an answer (inet_diag.h)
LISTENING, ANY_STATE, ANYWHERE = 1 << 10, 0xFFFFFFFF, 0xFFFFFFFF
NOTHING = b"\0" * 16
ROOM, SECONDS = 1 << 16, 1


def inode(family: int, local: tuple[str, int], remote: tuple[str, int]) -> int:
    """The inode of the socket between these two ends, an address and a port each; 0 where there is none."""
    addresses = [socket.inet_pton(family, address).ljust(16, b"\0") for address, _ in (local, remote)]
    named = PORTS.pack(local[1], remote[1]) + ADDRESSES.pack(*addresses, 0, ANYWHERE, ANYWHERE)
    try:
        answer = next(_answers(family, ANY_STATE, named, REQUEST))
    except FileNotFoundError:
        return 0
    return int(struct.unpack_from("=I", answer, INODE)[0])


def listening() -> list[tuple[str, int, int]]:
    """The address, the port and the inode of each socket that listens."""
    unnamed = PORTS.pack(0, 0) + ADDRESSES.pack(NOTHING, NOTHING, 0, 0, 0)
    found = []
    for family, size in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        for answer in _answers(family, LISTENING, unnamed, REQUEST | DUMP):
            address = socket.inet_ntop(family, answer[ADDRESS : ADDRESS + size])
            port, inode_ = PORTS.unpack_from(answer, 4)[0], struct.unpack_from("=I", answer, INODE)[0]
            found.append((address, int(port), int(inode_)))
    return found


def _answers(family: int, states: int, named: bytes, flags: int) -> Iterator[bytes]:
    """What the kernel tells, a socket at a time."""
    question = QUESTION.pack(family, socket.IPPROTO_TCP, 0, states) + named
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, SOCK_DIAG) as kernel:
        kernel.settimeout(SECONDS)
        kernel.send(HEADER.pack(HEADER.size + len(question), BY_FAMILY, flags, 1, 0) + question)
        while True:
            for kind, body in _messages(kernel.recv(ROOM)):
                if kind == DONE:
                    return
                if kind == ERROR:
                    error = -struct.unpack_from("=i", body)[0]
                    raise OSError(error, os.strerror(error))
                yield body
            if not flags & DUMP:
                return


def _messages(told: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + HEADER.size <= len(told):
        length, kind, _, _, _ = HEADER.unpack_from(told, at)
        yield kind, told[at + HEADER.size : at + length]
        at += -(-max(length, HEADER.size) // 4) * 4
