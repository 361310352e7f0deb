"""Has a process said READY=1, where no systemd listens?  An agent hears it for as long as it waits for it.

The datagram socket has a name in no folder (agent/handed.py), which processes of any user reach; so what arrives counts
only if it comes from the user of the process, or from root.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from deployer.agent import handed

READY = b"READY=1"
LONGEST = 4096
CREDENTIALS = struct.Struct("3i")


class Notices:
    """What the processes of one target say of themselves."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._heard: dict[str, bool] = {}
        self._ears: dict[str, socket.socket] = {}

    def listen(self, key: str) -> None:
        """From now on hear what the process `key` says: it is about to be started."""
        self.forget(key)
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        ear.bind(handed.socket_address(handed.notice(self._root, key)))
        self._ears[key], self._heard[key] = ear, False

    def forget(self, key: str) -> None:
        """Hear it no longer."""
        self._heard.pop(key, None)
        if key in self._ears:
            self._ears.pop(key).close()

    def ready(self, key: str, pid: int) -> bool:
        """Whether the process `key`, which runs as `pid`, has said READY=1; True where nobody could hear it."""
        if key not in self._ears:
            return True
        with contextlib.suppress(BlockingIOError):
            while True:
                text, ancillary, _, _ = self._ears[key].recvmsg(LONGEST, socket.CMSG_SPACE(CREDENTIALS.size))
                if READY in text.split(b"\n") and _speaker(ancillary) in (0, _user(pid)):
                    self._heard[key] = True
        return self._heard[key]


def _speaker(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The uid of who has spoken; -1 where nobody knows."""
    for level, what, content in ancillary:
        if (level, what) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(CREDENTIALS.unpack(content[: CREDENTIALS.size])[1])
    return -1


def _user(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except FileNotFoundError:
        return 0
