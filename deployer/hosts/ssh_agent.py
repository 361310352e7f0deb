"""The ssh-agent at a socket: SSH_AUTH_SOCK's, or the one that IdentityAgent names.

Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from paramiko.agent import AgentKey, AgentSSH  # type: ignore[import-untyped]
from paramiko.ssh_exception import SSHException  # type: ignore[import-untyped]

__all__ = ["Agent", "AgentKey", "agent_at"]


class Agent(AgentSSH):  # type: ignore[misc]
    """An agent; paramiko's own knows no other socket than SSH_AUTH_SOCK's."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
            self._connect(connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        self._close()


def agent_at(path: str, timeout: float) -> Agent | None:
    """The agent at the socket `path`, if it answers within `timeout` seconds."""
    found: list[Agent] = []

    def ask() -> None:
        with contextlib.suppress(SSHException, OSError, ValueError):  # of no use: the keys on the disk are tried
            found.append(Agent(path))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    return found[0] if found else None
