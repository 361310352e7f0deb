"""How patient is a login over SSH, and how many are there at a time?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SshSettings:
    """Seconds, and logins at a time.  Every wait of a connection has one of these deadlines."""

    connect_timeout: float = 10.0  # for a TCP connection, and for the greeting of sshd
    login_timeout: float = 30.0  # for the key exchange, each key that is tried, the channel, the start of the agent
    silence: float = 30.0  # of an open session; a host says something every 5 s
    concurrency: int = 32
