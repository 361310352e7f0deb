"""How is a machine elsewhere a host?  One login and one exec; then the same agent and session as for `local`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from deployer.core.errors import HostUnreachable
from deployer.hosts import bootstrap, quick_paramiko
from deployer.hosts.ssh_settings import SshSettings

if TYPE_CHECKING:
    from deployer.hosts.ssh_channel import SshChannel
    from deployer.hosts.ssh_connect import Logins


class SshAccess:
    """What all hosts of one command share: ssh's configuration, the keys, the limit, the gateways.

    `home` is the caller's; `ask` gives the passphrase for a prompt, and is None where there is no terminal.
    """

    def __init__(self, settings: SshSettings, home: Path, ask: Callable[[str], str | None] | None = None) -> None:
        self.settings, self._home, self._ask = settings, home, ask
        self._made: Logins | None = None
        self._making = Lock()

    @property
    def logins(self) -> Logins:
        """The logins.  paramiko is imported here: only commands that connect pay for them."""
        with self._making:
            if self._made is None:
                quick_paramiko.load()
                from deployer.hosts.ssh_connect import Logins  # noqa: PLC0415 - a tenth of a second

                self._made = Logins(self.settings, self._home, self._ask)
            return self._made


class Ssh:
    """One machine of a target.  `root` may be '' (the agent's default) or begin with ~/: the host resolves it."""

    def __init__(
        self,
        name: str,
        root: str,
        cache: Path,
        access: SshAccess,
        *,
        app: str,
        user: str = "",
        port: int = 0,
        sudo: bool = False,
    ) -> None:
        self.name, self.root, self.access, self.user, self.port = name, root, access, user, port
        self.address = ""  # user, host and port, once it was reached
        self.sent_agent = False  # whether the last start had to
        self._cache, self._app, self._sudo = cache, app, sudo

    def start(self) -> SshChannel:
        """Log in, have the agent there, start it."""
        from deployer.hosts.ssh_channel import opened  # noqa: PLC0415 - imports paramiko

        logins = self.access.logins
        agent = bootstrap.Agent.of(self._app, self.root, self._cache)
        route = logins.routes.to(self.name, user=self.user, port=self.port)
        self.address = f"{route.user}@{route.address}"
        channel = opened(logins, route, bootstrap.AS_ROOT if self._sudo else bootstrap.COMMAND)
        try:
            self.sent_agent = bootstrap.begin(channel, agent, host=self.name, sudo=self._sudo)
        except OSError as error:
            channel.drop()
            raise HostUnreachable(
                f"{self.name}: the agent did not start: {error or 'the connection is lost'}",
                hint="run the command again",
                output=channel.complaint(),
            ) from error
        except BaseException:
            channel.drop()
            raise
        return channel
