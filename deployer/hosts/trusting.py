"""Which keys does a host show, and how do they become trusted?

Imported only where a host is reached over SSH.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.core.errors import HostUnreachable
from deployer.hosts import known_hosts
from deployer.hosts.host_key import of_verdict
from deployer.hosts.known_hosts import Key, KnownHosts, Verdict
from deployer.hosts.openssh.takeover import Incapable
from deployer.hosts.ssh import PARAMIKO, Ssh
from deployer.hosts.ssh_route import Route

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


@dataclass(frozen=True)
class Offer:
    """The keys that a host shows, one of each type; `trusted` if one of them is trusted already."""

    route: Route
    keys: list[Key]
    trusted: bool

    @property
    def file(self) -> Path:
        """The known_hosts file that new keys are added to."""
        return self.route.known_hosts[0]


def offer(host: Ssh) -> Offer:
    """The keys that `host` shows; `HostUnreachable` for a host whose keys have changed, or one that is revoked."""
    route = host.route
    if not route.known_hosts:
        raise HostUnreachable(f"{host.name}: ssh's configuration names no known_hosts file", hint="fix ~/.ssh/config")
    known = KnownHosts(route.known_hosts, route.known_as, route.revoked)
    shown = {key.kind: key for key in _shown(host, route)}
    verdicts = {key: known.judge(key) for key in shown.values()}
    for refused in (Verdict.REVOKED, Verdict.CHANGED):
        for key, verdict in verdicts.items():
            if verdict is refused and (refused is Verdict.REVOKED or Verdict.TRUSTED not in verdicts.values()):
                raise of_verdict(route, key, known, verdict)
    return Offer(route, list(shown.values()), Verdict.TRUSTED in verdicts.values())


def _shown(host: Ssh, route: Route) -> list[Key]:
    """A key for each of KINDS, as far as the host has them."""
    access = host.access
    if access.client(route) == PARAMIKO:
        try:
            return [access.logins.host_key(route, [kind]) for kind in KINDS]
        except Incapable as error:
            if not access.routes.resolver.program:
                raise error.refusal from error
    return [access.program.host_key(route, [kind]) for kind in KINDS]


def accept(offer: Offer, keys: Sequence[Key]) -> None:
    """Trust `keys` from now on; `HostUnreachable` if known_hosts cannot be written."""
    if keys:
        try:
            known_hosts.add(offer.file, offer.route.known_as, keys, hashed=offer.route.hashed)
        except OSError as error:
            raise HostUnreachable(
                f"{offer.route.name}: {offer.file}: {error.strerror}", hint="make the file writable for yourself"
            ) from error
