"""Can a listening socket be had back from a process that was given it?  Where the kernel lets us (Linux 5.6).

Both halves of the holder may have been killed at once.  The processes of the app still have the socket then, and
nobody else can bind the port; a copy of their descriptor makes a new holder as good as the old one.
"""

from __future__ import annotations

import os
import socket
from typing import Optional

from deployer.agent import procfs, sockets

PIDFD_OPEN, PIDFD_GETFD = 434, 438  # the same on every architecture


def back(root: str, port: int) -> Optional[socket.socket]:
    """The socket on `port` that a process of the target in `root` has, or None."""
    inodes = {listener.inode for listener in sockets.listeners(port)}
    mark = f"DEPLOY_ROOT={os.path.realpath(root)}"
    for process in procfs.everyone() if inodes else ():
        if not process.alive or not procfs.carries(process.pid, [mark]):
            continue
        for descriptor in _held(process.pid, inodes):
            copied = _copied(process.pid, descriptor)
            if copied is not None:
                return socket.socket(fileno=copied)
    return None


def _held(pid: int, inodes: set[str]) -> list[int]:
    try:
        return [descriptor for descriptor, inode in procfs.open_sockets(pid).items() if inode in inodes]
    except OSError:  # ended meanwhile, or not ours to see
        return []


def _copied(pid: int, descriptor: int) -> Optional[int]:
    import ctypes  # noqa: PLC0415 - hardly ever needed

    syscall = ctypes.CDLL(None, use_errno=True).syscall
    handle = syscall(PIDFD_OPEN, pid, 0)
    if handle < 0:
        return None
    try:
        copy = syscall(PIDFD_GETFD, handle, descriptor, 0)
    finally:
        os.close(handle)
    return copy if copy >= 0 else None
