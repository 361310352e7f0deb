"""How does the one router in front of all hosts follow a run?

What is to go is taken from its route before any host is switched, what is new is added once all hosts are up, and the
record of the run confirms both.  If the run fails, the hosts have what served before, and then the route has, too; the
router's host sees to that by itself where the operator is lost (agent/shared_route.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from deployer.core import requests, shares
from deployer.core.errors import DeployError, HostUnreachable
from deployer.core.release import Spec
from deployer.core.routing import Upstream
from deployer.hosts.session import Session
from deployer.stages.events import WARNING, Event, step
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted

PATIENCE = 10.0  # seconds that a request may take which has begun at a process that is to be stopped
Replies = Mapping[str, requests.Switched]


@dataclass(frozen=True)
class Front:
    """The router of a run that stands in front of all hosts, and what it had `before`."""

    target: Target
    wanted: Wanted
    spec: Spec
    session: Session
    attempt: str
    before: shares.Shares

    def narrow(self) -> None:
        """Have nobody sent to what this run stops."""
        ports = {session.host.name: self._ports(session.host.name) for session in self.target.chosen}
        self._put(shares.narrowed(self.before, ports), up=False)

    def widen(self, switched: Replies) -> bool:
        """Have requests sent to all that is up now; whether that is anything new."""
        addresses = {host.host: host.address or host.host for host in self.target.settings.hosts}
        first = {host: reply.ports.get(self.spec.router.type, 0) for host, reply in switched.items()}
        now = {host: shares.share(addresses[host], first[host], self._ports(host)) for host in switched}
        wanted = shares.widened(self.before, {**self._unheard(addresses, switched), **now}, addresses)
        with step(self.target.report, f"routing to {', '.join(wanted) or 'nobody'}", self.session.host.name):
            self._put(wanted, up=True)
        return wanted != dict(self.before)

    def restore(self) -> None:
        """Have the route of before; a host that does not answer sees to that by itself."""
        with suppress(DeployError):
            self.session.call(requests.RestoreRoute(), requests.Done)

    def _unheard(self, addresses: Mapping[str, str], switched: Replies) -> dict[str, tuple[Upstream, ...]]:
        """The shares of hosts that a new router has not heard of, since this command has nothing to do there."""
        found = {}
        for session in self.target.fleet.sessions:
            host = session.host.name
            if host not in switched and host not in self.before:
                seen = session.call(requests.Look(), requests.Looked).processes
                serving = [one for one in seen if one.process.rpartition(".")[0] == self.spec.router.type]
                ports = sorted({one.port for one in serving if one.state != requests.DRAINING})
                found[host] = tuple(Upstream(addresses[host], port) for port in ports)
        return found

    def _ports(self, host: str) -> int:
        """At how many ports of a host the routed processes are to listen."""
        router, share = self.spec.router, self.wanted.share(self.target, host)
        return 0 if self.wanted.stopped else shares.places(self.spec.types.get(router.type), share.get(router.type, 0))

    def _put(self, hosts: shares.Shares, *, up: bool) -> None:
        spec, kind = self.spec, self.spec.types.get(self.spec.router.type)
        self.session.call(
            requests.PutRoute(
                attempt=self.attempt,
                router=spec.router,
                version=spec.version,
                hosts=dict(hosts),
                health=kind.health if kind and kind.health.startswith("/") else "",
                health_host=kind.health_host if kind else "",
                health_headers=kind.health_headers if kind else (),
                up=up,
                patience=min(PATIENCE, kind.stop_timeout) if kind else 0.0,
            ),
            requests.RoutePut,
        )


@contextmanager
def followed(target: Target, wanted: Wanted, *, attempt: str) -> Iterator[Front | None]:
    """What is to be told, when all hosts are up, which ports they have.  Should this block fail, all is as before."""
    front = _front(target, wanted, attempt)
    if front is None:
        yield None
        return
    try:
        front.narrow()
        yield front
    except DeployError:
        front.restore()
        raise


def _front(target: Target, wanted: Wanted, attempt: str) -> Front | None:
    spec = _spec(target, wanted)
    if spec is None:
        return None
    try:
        session = target.fleet.named(spec.router.host)
    except HostUnreachable as error:
        target.report(Event(WARNING, f"its router is not told of this run: {error.message}", spec.router.host))
        return None
    told = session.call(requests.ReadRoute(), requests.Shares)
    return Front(target, wanted, spec, session, attempt, told.hosts)


def _spec(target: Target, wanted: Wanted) -> Spec | None:
    """The release, if it has a router in front of all hosts."""
    if not target.settings.hosts:
        return None
    spec = target.spec(wanted.version)
    return spec if spec.router.kind and spec.router.host else None
