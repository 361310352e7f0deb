"""What must a router be able to do?  The protocol; `router_caddy.py` and `router_nginx.py` are the two there are."""

from __future__ import annotations

from typing import Optional, Protocol

from deployer.agent.layout import Layout
from deployer.core.message import message
from deployer.core.routing import NGINX, Route, Router, Upstream


@message
class Shown:
    """What a router has of a route: where it listens, what it sends it to, and whether it answers 503 instead."""

    at: str
    upstreams: tuple[Upstream, ...]
    closed: bool


class RouterProgram(Protocol):
    """A router that runs on this host, perhaps with sites of others: of it all, one route is this target's.

    Every call is idempotent, passes fault points and returns within a bounded time; `RunFailed` says what the router
    says.  Nothing that is not this target's is ever changed.
    """

    kind: str

    def hindrance(self) -> tuple[str, ...]:
        """Why it cannot be used here, and what to do about it; () where it can."""
        ...

    def put(self, route: Route) -> None:
        """Have exactly this route, also after the router or the host was started again.

        When it returns, new requests go to the route's upstreams only; those that have begun end where they are.
        """
        ...

    def shown(self) -> Optional[Shown]:
        """What it has now; None for nothing."""
        ...

    def busy(self, upstream: Upstream) -> int:
        """How many requests have not ended yet at an upstream, whether it is still routed to or not."""
        ...

    def remove(self) -> None:
        """Have no route of this target any more."""
        ...


def router_of(files: Layout, router: Router) -> RouterProgram:
    """The router that `router`, which has a kind, means on this host."""
    if router.kind == NGINX:
        from deployer.agent.router_nginx import Nginx  # noqa: PLC0415 - only the one that is needed is loaded

        return Nginx(files, router)
    from deployer.agent.router_caddy import Caddy  # noqa: PLC0415

    return Caddy(files, router)
