"""What is on the hosts, and which keys do they show?  `deploy host show`, `deploy host trust`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from deployer import settings as settings_
from deployer.core import requests
from deployer.core.errors import HostUnreachable
from deployer.core.names import release_name
from deployer.hosts.local import NAME as LOCAL_HOST
from deployer.hosts.session import Session
from deployer.hosts.ssh import Ssh
from deployer.settings import HostSettings, Narrow, TargetSettings
from deployer.stages.project import Project
from deployer.stages.target import reached
from deployer.stages.ways import access_of, remote


@dataclass(frozen=True)
class Shown:
    """One host as it is; `sent` says that the agent was put there just now.  `error` for one that was not reached."""

    host: str
    address: str = ""
    user: str = ""
    python: str = ""
    machine: str = ""
    root: str = ""
    manager: str = ""
    sent: bool = False
    client: str = ""  # what has logged in: paramiko or openssh
    current: str = ""
    releases: list[str] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True)
class Trust:
    """What became of a host's keys: `added` are those that its known_hosts file has now and had not before."""

    host: str
    known_as: str
    keys: list[tuple[str, str]]  # type, fingerprint
    added: list[str]  # fingerprints
    file: str


Decide = Callable[[str, list[tuple[str, str]]], list[str]]


def show(project: Project, name: str | None, narrow: Narrow) -> tuple[list[Shown], dict[str, HostUnreachable]]:
    """What is on the target's hosts; and those that could not be reached."""
    target = settings_.narrowed(settings_.target(project.settings, name), narrow.hosts, narrow.limit)
    with reached(project, target) as fleet:
        told = fleet.ask(_shown)
        missing = {**fleet.missing, **told.failures}
        rows = {**told.replies, **{host: Shown(host, error=error.message) for host, error in missing.items()}}
    wanted = target.chosen or [host.host for host in target.hosts] or [LOCAL_HOST]
    failures = {host: error for host, error in missing.items() if isinstance(error, HostUnreachable)}
    return [rows[host] for host in wanted if host in rows], failures


def _shown(session: Session) -> Shown:
    host, found = session.host, session.found
    look = session.call(requests.Look(), requests.Looked)
    return Shown(
        host=host.name,
        address=host.address if isinstance(host, Ssh) else "this machine",
        user=found.user,
        python=found.python,
        machine=found.machine,
        root=found.root,
        manager=found.manager,
        sent=isinstance(host, Ssh) and host.sent_agent,
        client=host.client if isinstance(host, Ssh) else "",
        current=look.current,
        releases=[release_name(version) for version in found.releases],
    )


def trust(project: Project, target: str | None, host: str, decide: Decide) -> Trust:
    """Add to the caller's known_hosts the keys of `host` that `decide` picks out of those it shows.

    `decide` gets the name under which the host is known, and each key's type and fingerprint; it gives fingerprints.
    A key that is trusted already changes nothing; one that has changed or is revoked is `HostUnreachable`.
    """
    from deployer.hosts import trusting  # noqa: PLC0415 - imports paramiko

    one = _host(project, target, host)
    offer = trusting.offer(one)
    keys = [(key.kind, key.fingerprint) for key in offer.keys]
    added = [] if offer.trusted else decide(offer.route.known_as, keys)
    chosen = [key for key in offer.keys if key.fingerprint in added]
    trusting.accept(offer, chosen)
    return Trust(host, offer.route.known_as, keys, [key.fingerprint for key in chosen], str(offer.file))


def _host(project: Project, target: str | None, name: str) -> Ssh:
    """The host called `name` of the target, or of any; else whatever ssh's configuration makes of the name."""
    targets = [settings_.target(project.settings, target)] if target else project.settings.targets.values()
    for one in targets:
        for host in one.hosts:
            if host.host == name:
                return remote(project, one, host, access_of(project, one))
    nowhere = TargetSettings("")
    return remote(project, nowhere, HostSettings(name), access_of(project, nowhere))
