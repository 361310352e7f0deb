"""Which processes of all hosts does the one router in front of them send requests to?  Pure.

Each host has a share of the route: where its processes listen, as the router's host reaches them, in the order of their
numbers.  A share loses what is to be stopped before it is, and gets what is new once that is up.
"""

from __future__ import annotations

from typing import Iterable, Mapping, Optional

from deployer.core.manifest import ProcessType
from deployer.core.routing import Upstream
from deployer.core.strategy import SOCKET

Shares = Mapping[str, "tuple[Upstream, ...]"]


def places(kind: Optional[ProcessType], count: int) -> int:
    """At how many ports so many processes of a type listen: those that are given a socket share one."""
    if kind is None:
        return 0
    return min(count, 1) if kind.listen == SOCKET else count


def share(address: str, first: int, ports: int) -> tuple[Upstream, ...]:
    """The share of a host whose processes listen at so many ports, from the `first` on."""
    return tuple(Upstream(address, first + number) for number in range(ports))


def narrowed(shares: Shares, ports: Mapping[str, int]) -> dict[str, tuple[Upstream, ...]]:
    """What is left of the shares while hosts go over to so many ports each; hosts not among `ports` keep theirs."""
    kept = {host: found[: ports.get(host, len(found))] for host, found in shares.items()}
    return {host: found for host, found in kept.items() if found}


def widened(shares: Shares, now: Shares, hosts: Iterable[str]) -> dict[str, tuple[Upstream, ...]]:
    """The shares when some hosts have what they have `now`; of others than the target's `hosts` nothing is left."""
    found = {host: now.get(host, shares.get(host, ())) for host in hosts}
    return {host: share for host, share in found.items() if share}


def upstreams(shares: Shares) -> tuple[Upstream, ...]:
    """All shares together, each place once."""
    return tuple(dict.fromkeys(upstream for share in shares.values() for upstream in share))
