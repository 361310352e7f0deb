"""caddy as router: one route, by its `@id`, in the config that runs; no file of a person's is read or written.

It stands in the server that listens on the port already, in front of the others' routes, or in one of our own.  Each
change is one call, which caddy makes whole or not at all; what two apps do at the same time is made one by one.  A
config that is loaded anew, from a Caddyfile, has none of it: `router_unit.py` puts it there again.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Optional

from deployer.agent import caddy_route, router_unit, sockets
from deployer.agent.caddy_admin import Admin, Refused
from deployer.agent.layout import Layout
from deployer.agent.routers import Shown
from deployer.core import routing
from deployer.core.errors import RunFailed
from deployer.core.routing import CADDY, HTTPS, Route, Router, Upstream

SERVERS = "/config/apps/http/servers"
OURS = "deployer-"  # how servers begin that nobody else has a route in
TRIES = 5
MIGRATE = "/proc/sys/net/ipv4/tcp_migrate_req"


class Caddy:
    """caddy as an `agent.routers.RouterProgram`."""

    kind = CADDY

    def __init__(self, files: Layout, router: Router) -> None:
        self._files, self._router = files, router
        self._root = str(files.root)
        self._admin = Admin(router.admin)
        self._id = routing.name(files.app, files.target)

    def hindrance(self) -> tuple[str, ...]:
        """Why it cannot be used here."""
        try:
            self._admin.config()
        except RunFailed as error:
            return error.message, error.hint
        return ()

    def put(self, route: Route) -> None:
        """Have exactly this route."""
        wanted = caddy_route.render(route, self._root, secure=self._router.secure)
        _migrate()
        for left in range(TRIES, 0, -1):
            config = self._admin.config()
            if self._has(config, wanted):
                break
            try:
                self._change(config, wanted)
            except Refused:  # perhaps since another app was quicker
                if left == 1 or self._admin.config() == config:
                    raise
        else:
            raise RunFailed("caddy's config is changed by somebody else all the time", hint="run the command again")
        router_unit.install(self._files)

    def shown(self) -> Optional[Shown]:
        """What it has now."""
        config = self._admin.config()
        for name, server in _servers(config).items():
            for route in _routes(server):
                if self._is_ours(route):
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
        self._take_out()

    def _change(self, config: dict[str, Any], wanted: dict[str, Any]) -> None:
        """One step towards the wanted config."""
        servers = _servers(config)
        home = self._home(config)
        places = [name for name, server in servers.items() for route in _routes(server) if self._is_ours(route)]
        self._check(servers.get(home, {}), home, wanted)
        if places == [home]:
            self._admin.ask("PATCH", f"/id/{self._id}", wanted)
        elif places:  # it has another port now; two routes of one name cannot be
            before = next(one for one in _routes(servers[places[0]]) if self._is_ours(one))
            self._take_out()
            try:
                self._put_in(home, wanted, self._new_server(config))
            except RunFailed:
                self._put_in(places[0], before, servers[places[0]])
                raise
        else:
            self._put_in(home, wanted, self._new_server(config))

    def _put_in(self, home: str, wanted: dict[str, Any], new: dict[str, Any]) -> None:
        """Have a route that is not there in the server `home`; where that is missing, it is made like `new`."""
        server = _servers(self._admin.config()).get(home)
        if server is None:
            self._admin.ask("PUT", f"{SERVERS}/{home}", {**new, "routes": [wanted]})
        elif _routes(server) and "match" in wanted:
            self._admin.ask("PUT", f"{SERVERS}/{home}/routes/0", wanted)
        elif "routes" in server:
            self._admin.ask("POST", f"{SERVERS}/{home}/routes", wanted)
        else:
            self._admin.ask("PUT", f"{SERVERS}/{home}/routes", [wanted])

    def _take_out(self) -> None:
        """Have no route of this target, and no server of ours that has none."""
        while self._is_there():
            self._admin.ask("DELETE", f"/id/{self._id}")
        for name, server in _servers(self._admin.config()).items():
            if name.startswith(OURS) and not _routes(server):
                self._admin.ask("DELETE", f"{SERVERS}/{name}")

    def _new_server(self, config: dict[str, Any]) -> dict[str, Any]:
        listen: dict[str, Any] = {"listen": [f":{self._port(config)}"]}
        return listen if self._router.secure else {**listen, "automatic_https": {"disable": True}}

    def _has(self, config: dict[str, Any], wanted: dict[str, Any]) -> bool:
        """Whether there is nothing to do."""
        home = self._home(config)
        found = [(name, one) for name, s in _servers(config).items() for one in _routes(s) if self._is_ours(one)]
        return found == [(home, wanted)]

    def _home(self, config: dict[str, Any]) -> str:
        """The server that listens on the port, be it somebody else's; else one of ours that is still to be made."""
        port = self._port(config)
        names = [name for name, server in _servers(config).items() if port in _ports(server)]
        return next(iter(names), f"{OURS}{port}")

    def _port(self, config: dict[str, Any]) -> int:
        told = config.get("apps", {}).get("http", {}).get("https_port") if self._router.secure else None
        return self._router.port or told or (HTTPS if self._router.secure else self._router.listens)

    def _check(self, server: dict[str, Any], name: str, wanted: dict[str, Any]) -> None:
        """Refuse to take what is somebody else's: a whole port, a domain, or our own name."""
        others = [route for route in _routes(server) if not self._is_ours(route)]
        if "match" not in wanted and server and not name.startswith(OURS):
            raise RunFailed(
                f"caddy serves other sites on port {self._router.listens} already",
                hint="give the router a `domain`, or another `port`",
            )
        mine = set(caddy_route.hosts(wanted))
        for other in others:
            theirs = set(caddy_route.hosts(other))
            both = mine & theirs
            if both or (not mine and not theirs):
                what = ", ".join(sorted(both)) or f"all of port {self._router.listens}"
                by = f", for {caddy_route.owner(other)}" if caddy_route.owner(other) else ""
                raise RunFailed(f"caddy serves {what} already{by}", hint="take that out there, or choose another here")

    def _is_there(self) -> bool:
        servers = _servers(self._admin.config()).values()
        return any(self._is_ours(route) for server in servers for route in _routes(server))

    def _is_ours(self, route: Any) -> bool:
        """Whether it is this target's; `RunFailed` where it is that of a namesake in another folder, still there."""
        if not isinstance(route, dict) or route.get("@id") != self._id:
            return False
        root = caddy_route.owner(route)
        if root not in (None, self._root) and os.path.isdir(f"{root}/run"):
            raise RunFailed(
                f"caddy's route {self._id} belongs to {root}", hint="two targets on one host need names of their own"
            )
        return True


def _migrate() -> None:
    """Have the kernel hand on what waits at a socket that is closed: caddy opens another one for each config.

    Without it three or four of a hundred moves under load reset a connection (docs/explanation/routers.md).  Only root
    may, and only Linux 5.14 can.
    """
    with contextlib.suppress(OSError), open(MIGRATE, "wb") as switch:
        switch.write(b"1\n")


def _servers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = ((config.get("apps") or {}).get("http") or {}).get("servers") or {}
    return {name: server for name, server in found.items() if isinstance(server, dict)}


def _routes(server: dict[str, Any]) -> list[Any]:
    return server.get("routes") or []


def _ports(server: dict[str, Any]) -> set[int]:
    """The TCP ports that a server listens on, ranges spelled out."""
    found: set[int] = set()
    for address in server.get("listen") or []:
        if address.startswith(("unix", "udp/")):
            continue
        first, _, last = address.rpartition(":")[2].partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last if last.isdigit() else first) + 1))
    return found
