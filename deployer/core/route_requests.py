"""What can an operator ask of the router in front of all hosts?"""

from __future__ import annotations

from deployer.core.message import message
from deployer.core.routing import Router, Upstream


@message
class ReadRoute:
    """What has the router that stands in front of all hosts?"""


@message
class Shares:
    """The share of each host in the route (core/shares.py)."""

    hosts: dict[str, tuple[Upstream, ...]]


@message
class PutRoute:
    """Have the router send requests to these shares, until the run of `attempt` is confirmed, or else undone.

    `health` is a path that has to answer ('' for none), `version` the release whose assets are served: after those that
    are served now, unless the hosts are all `up`.  What upstreams that are left out are at may take `patience` seconds.
    """

    attempt: str
    router: Router
    version: int
    hosts: dict[str, tuple[Upstream, ...]]
    health: str = ""
    health_host: str = ""
    health_headers: tuple[tuple[str, str], ...] = ()
    up: bool = False
    patience: float = 0.0


@message
class RoutePut:
    """`changed` is false where the router sent requests there already."""

    changed: bool


@message
class RestoreRoute:
    """Put back what the router had before a run that is not confirmed."""
