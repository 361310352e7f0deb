"""How patient is a login over SSH, and how many are there at a time?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployer.hosts.ssh_route import Route

CONNECT_TIMEOUT = 10.0


@dataclass(frozen=True)
class SshSettings:
    """Seconds, and logins at a time.  Every wait of a connection has one of these deadlines."""

    connect_timeout: float = 0.0  # for a TCP connection, and for the greeting of sshd; 0: as ssh's configuration says
    login_timeout: float = 30.0  # for the key exchange, each key that is tried, the channel, the start of the agent
    silence: float = 30.0  # of an open session; a host says something every 5 s
    concurrency: int = 32
    client: str = "auto"  # or paramiko, openssh

    def patience(self, route: Route) -> float:
        """How long a connection on `route` may take: as deploy.yaml says, else ssh's configuration, else 10 s."""
        return self.connect_timeout or route.connect_timeout or CONNECT_TIMEOUT
