"""caddy as router: a route, by its `@id`, in the config that runs; no file of a person's is read or written.

A config that is loaded anew, from a Caddyfile, has none of it: `router_unit.py` puts it there again.
"""

from __future__ import annotations

import contextlib
from typing import Optional

from deployer.agent import caddy_place, caddy_route, router_unit, sockets
from deployer.agent.caddy_admin import Admin
from deployer.agent.layout import Layout
from deployer.agent.routers import Shown
from deployer.core import routing
from deployer.core.errors import RunFailed
from deployer.core.routing import CADDY, HTTP, Route, Router, Upstream

MIGRATE = "/proc/sys/net/ipv4/tcp_migrate_req"


class Caddy:
    """caddy as an `agent.routers.RouterProgram`."""

    kind = CADDY

    def __init__(self, files: Layout, router: Router) -> None:
        self._files, self._router = files, router
        self._root, name = str(files.root), routing.name(files.app, files.target)
        self._admin = Admin(router.admin)
        self._place = caddy_place.Place(self._admin, name, self._root)
        self._redirect = caddy_place.Place(self._admin, f"{name}-http", self._root)

    def hindrance(self) -> tuple[str, ...]:
        """Why it cannot be used here."""
        try:
            self._admin.config()
        except RunFailed as error:
            return error.message, error.hint
        return ()

    def put(self, route: Route) -> None:
        """Have exactly this route; where others have sites on the plain port, one more sends visitors on to https.

        caddy redirects by itself, but after the sites that are there: Debian's Caddyfile has one for all names.
        """
        _migrate()
        secure, plain = self._router.secure, self._port("http_port", HTTP)
        port = self._port("https_port", self._router.listens) if secure else self._router.listens
        self._place.put(caddy_route.render(route, self._root, secure=secure), port, secure=secure)
        if secure and caddy_place.home(self._admin.config(), plain) in caddy_place.servers(self._admin.config()):
            self._redirect.put(caddy_route.redirect(route, self._root), plain, secure=False)
        else:
            self._redirect.remove()
        router_unit.install(self._files)

    def shown(self) -> Optional[Shown]:
        """What it has now."""
        for name, server, route in self._place.found(self._admin.config()):
            at = caddy_route.hosts(route) or [""]
            listens = ", ".join(f"{host}{address}" for host in at for address in server.get("listen", [name]))
            found = caddy_route.upstreams(route)
            return Shown(listens, found, not found)
        return None

    def busy(self, upstream: Upstream) -> int:
        """The connections that are open there: none is kept, and caddy itself forgets what it routes to no more."""
        return sockets.established(upstream.port)

    def remove(self) -> None:
        """Have no route of this target any more."""
        router_unit.remove(self._files)
        self._place.remove()
        self._redirect.remove()

    def _port(self, key: str, usual: int) -> int:
        """The port that caddy takes for plain HTTP or HTTPS."""
        http = (self._admin.config().get("apps") or {}).get("http") or {}
        return int(http.get(key) or usual)


def _migrate() -> None:
    """Have the kernel hand on what waits at a socket that is closed: caddy opens another one for each config.

    Without it three or four of a hundred moves under load reset a connection (docs/explanation/routers.md).  Only root
    may, and only Linux 5.14 can.
    """
    with contextlib.suppress(OSError), open(MIGRATE, "wb") as switch:
        switch.write(b"1\n")
