"""How is a machine elsewhere a host?  One login and one exec; then the same agent and session as for `local`.

The login is paramiko's, or the ssh program's where paramiko cannot do what is asked (openssh/takeover.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from deployer.core.errors import HostUnreachable
from deployer.hosts import bootstrap, quick_paramiko
from deployer.hosts.host import Channel
from deployer.hosts.ssh_settings import SshSettings

if TYPE_CHECKING:
    from deployer.hosts.openssh.client import OpenSsh
    from deployer.hosts.ssh_connect import Logins
    from deployer.hosts.ssh_route import Route, Routes

AUTO, PARAMIKO, OPENSSH = "auto", "paramiko", "openssh"


class Running(Channel, bootstrap.Started, Protocol):
    """A command on a host, whoever has logged in there."""

    def begun(self) -> None:
        """The login is over: the agent has answered."""
        ...

    def drop(self) -> None:
        """Log out, whatever it does."""
        ...

    def refusal(self) -> HostUnreachable | None:
        """Why there was no session, where that comes out only now; None if there was one."""
        ...


class SshAccess:
    """What all hosts of one command share: ssh's configuration, the keys, the limit, the gateways.

    `home` is the caller's; `ask` gives the passphrase for a prompt, and is None where there is no terminal.
    `cache` is the folder that keeps what `ssh -G` said; None for none.
    """

    def __init__(
        self,
        settings: SshSettings,
        home: Path,
        ask: Callable[[str], str | None] | None = None,
        *,
        cache: Path | None = None,
    ) -> None:
        self.settings, self._home, self._ask, self._cache = settings, home, ask, cache
        self._routes: Routes | None = None
        self._logins: Logins | None = None
        self._program: OpenSsh | None = None
        self._making = Lock()

    @property
    def routes(self) -> Routes:
        """The ways to the hosts."""
        with self._making:
            if self._routes is None:
                from deployer.hosts.ssh_route import Routes  # noqa: PLC0415 - `local` needs none

                self._routes = Routes(self._home, self._cache)
            return self._routes

    @property
    def logins(self) -> Logins:
        """The logins.  paramiko is imported here: only commands that connect pay for them."""
        with self._making:
            if self._logins is None:
                quick_paramiko.load()
                from deployer.hosts.ssh_connect import Logins  # noqa: PLC0415 - a tenth of a second

                self._logins = Logins(self.settings, self._home, self._ask)
            return self._logins

    @property
    def program(self) -> OpenSsh:
        """The ssh program."""
        resolver = self.routes.resolver
        with self._making:
            if self._program is None:
                from deployer.hosts.openssh.client import OpenSsh  # noqa: PLC0415 - seldom needed

                self._program = OpenSsh(resolver, self.settings)
            return self._program

    def client(self, route: Route) -> str:
        """Which client logs in on `route`, as far as the configuration tells."""
        if self.settings.client != AUTO:
            return self.settings.client
        from deployer.hosts.openssh import takeover  # noqa: PLC0415 - `local` does without

        return OPENSSH if self.routes.resolver.program and takeover.reason(route) else PARAMIKO


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
        self.client = ""  # which one has logged in
        self._cache, self._app, self._sudo = cache, app, sudo

    @property
    def route(self) -> Route:
        """The way there."""
        return self.access.routes.to(self.name, user=self.user, port=self.port)

    def start(self) -> Running:
        """Log in, have the agent there, start it."""
        from deployer.hosts.openssh.takeover import Incapable  # noqa: PLC0415 - `local` does without

        agent = bootstrap.Agent.of(self._app, self.root, self._cache)
        route = self.route
        self.address = f"{route.user}@{route.address}"
        self.client = self.access.client(route)
        if self.client == PARAMIKO:
            try:
                return self._by_paramiko(route, agent)
            except Incapable as error:
                if not self.access.routes.resolver.program:
                    raise error.refusal from error
                self.client = OPENSSH
        return self._by_program(route, agent)

    @property
    def _command(self) -> str:
        return bootstrap.AS_ROOT if self._sudo else bootstrap.COMMAND

    def _by_paramiko(self, route: Route, agent: bootstrap.Agent) -> Running:
        logins = self.access.logins
        from deployer.hosts.ssh_channel import opened  # noqa: PLC0415 - imports paramiko

        return self._begun(opened(logins, route, self._command), agent)

    def _by_program(self, route: Route, agent: bootstrap.Agent) -> Running:
        from deployer.hosts.openssh.client import Passing, pause  # noqa: PLC0415 - seldom needed

        try:
            return self._begun(self.access.program.opened(route, self._command), agent)
        except Passing:
            pause()
        return self._begun(self.access.program.opened(route, self._command), agent)

    def _begun(self, channel: Running, agent: bootstrap.Agent) -> Running:
        """`channel` with the agent on it, which had to be sent or was there."""
        try:
            self.sent_agent = bootstrap.begin(channel, agent, host=self.name, sudo=self._sudo)
        except (HostUnreachable, OSError) as error:
            channel.drop()
            refusal = channel.refusal()
            if refusal:
                raise refusal from error
            if isinstance(error, HostUnreachable):
                raise
            raise HostUnreachable(
                f"{self.name}: the agent did not start: {error or 'the connection is lost'}",
                hint="run the command again",
                output=channel.complaint(),
            ) from error
        except BaseException:
            channel.drop()
            raise
        channel.begun()
        return channel
