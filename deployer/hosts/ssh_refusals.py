"""What does a user read when a login fails?  The host, the cause, and what to type next.

Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import socket

from paramiko.ssh_exception import ChannelException, IncompatiblePeer, SSHException  # type: ignore[import-untyped]

from deployer.core.errors import HostUnreachable
from deployer.hosts.ssh_route import Route
from deployer.hosts.ssh_settings import SshSettings
from deployer.hosts.ssh_transport import HungUp

PASSING = (ConnectionRefusedError, ConnectionResetError, BrokenPipeError, HungUp)  # worth a second try


def of_connection(route: Route, error: Exception, settings: SshSettings) -> HostUnreachable:
    """Why there is no connection to `route`."""
    where = f"{route.address} by its ProxyCommand" if route.command else route.address
    where += f" through {route.through.name}" if route.through else ""
    asks = f"`ssh -v {route.alias}` tells more"
    if isinstance(error, socket.gaierror):
        cause, hint = f"the name {route.host} is not known", "fix `hosts` in deploy.yaml, or HostName in ~/.ssh/config"
    elif isinstance(error, ConnectionRefusedError):
        cause, hint = f"nothing listens on {where}", "does sshd run there, on that port? `port` in deploy.yaml"
    elif isinstance(error, TimeoutError):
        cause = f"no answer from {where} within {settings.patience(route):g} s"
        hint = "is the host up, and does a firewall let you through?"
    elif isinstance(error, (*PASSING, EOFError)) and route.command:
        cause = f"{where} closed the connection before the login"
        hint = f"run it by hand to see why: {route.command}"
    elif isinstance(error, (*PASSING, EOFError)):
        cause = f"{where} closed the connection before the login"
        hint = f"its sshd may have too many logins at once (MaxStartups): lower `ssh.concurrency`; {asks}"
    elif isinstance(error, ChannelException):
        cause, hint = f"{where} cannot be reached from there: {error.text}", asks
    elif isinstance(error, IncompatiblePeer):
        cause = f"it has no way of encrypting in common with paramiko: {error}"
        hint = "install the ssh program, which takes over then (Debian: apt install openssh-client)"
    elif isinstance(error, SSHException):
        cause, hint = f"{where} does not speak SSH as it should: {error}", asks
    else:
        cause, hint = f"{where}: {getattr(error, 'strerror', None) or error}", asks
    return HostUnreachable(f"{route.name}: {cause}", hint=hint)


def no_keys_taken(route: Route, allowed: list[str]) -> HostUnreachable:
    """The host lets nobody in by a key."""
    return HostUnreachable(
        f"{route.name}: its sshd takes no keys from {route.user}, only {', '.join(allowed)}",
        hint="switch PubkeyAuthentication on there: logins are by key alone",
    )


def more_asked(route: Route, lacking: list[str]) -> HostUnreachable:
    """The host wants more than a key."""
    return HostUnreachable(
        f"{route.name}: the key of {route.user} was taken, but its sshd asks for {', '.join(lacking)} too",
        hint="let this user in by key alone (AuthenticationMethods publickey)",
    )


def not_let_in(route: Route, tried: str, *, closed: bool, locked: str = "") -> HostUnreachable:
    """No key fitted; `locked` is a file that could not be tried, for want of its passphrase."""
    how = "; then the host closed the connection (MaxAuthTries)" if closed else ""
    hint = f"`ssh-copy-id {route.user}@{route.name}`, or name the key: IdentityFile in ~/.ssh/config"
    if closed:
        hint = "name the one key that fits (IdentityFile in ~/.ssh/config, and IdentitiesOnly yes)"
    if locked:
        hint = f"`ssh-add {locked}` asks for the passphrase; then run the command again"
    return HostUnreachable(f"{route.name}: {route.user} was not let in: {tried}{how}", hint=hint)


def no_channel(route: Route, error: Exception) -> HostUnreachable:
    """The login succeeded, and no command can be started."""
    return HostUnreachable(
        f"{route.name}: logged in, but no session was opened: {error}",
        hint=f"see what `ssh {route.name} true` says; with systemd `loginctl enable-linger {route.user}` helps",
    )
