"""Where in caddy's config does one route of ours stand, and how does it come there?

In the server that listens on its port already, in front of the others' routes, or in one of our own.  Each change is
one call, which caddy makes whole or not at all; what two apps do at the same time is made one by one, and looked at
again.
"""

from __future__ import annotations

import os
from typing import Any

from deployer.agent import caddy_route
from deployer.agent.caddy_admin import Admin, Refused
from deployer.core.errors import RunFailed

SERVERS = "/config/apps/http/servers"
OURS = "deployer-"  # how servers begin that nobody else has a route in
TRIES = 5
Config = dict[str, Any]


class Place:
    """The route called `name` (its `@id`), that of the target in `root`."""

    def __init__(self, admin: Admin, name: str, root: str) -> None:
        self._admin, self._name, self._root = admin, name, root

    def put(self, wanted: Config, port: int, *, secure: bool) -> None:
        """Have exactly this route on `port`."""
        for left in range(TRIES, 0, -1):
            config = self._admin.config()
            if [(name, route) for name, _, route in self.found(config)] == [(home(config, port), wanted)]:
                return
            try:
                self._change(config, wanted, port, secure=secure)
            except Refused:  # perhaps since another app was quicker
                if left == 1 or self._admin.config() == config:
                    raise
        raise RunFailed("caddy's config is changed by somebody else all the time", hint="run the command again")

    def found(self, config: Config) -> list[tuple[str, Config, Config]]:
        """Where it is now: the names of servers, the servers, and what it is there."""
        every = ((name, server, route) for name, server in servers(config).items() for route in routes(server))
        return [(name, server, route) for name, server, route in every if self._is_ours(route)]

    def remove(self) -> None:
        """Have it nowhere, and no server of ours that has no route."""
        while self.found(self._admin.config()):
            self._admin.ask("DELETE", f"/id/{self._name}")
        for name, server in servers(self._admin.config()).items():
            if name.startswith(OURS) and not routes(server):
                self._admin.ask("DELETE", f"{SERVERS}/{name}")

    def _change(self, config: Config, wanted: Config, port: int, *, secure: bool) -> None:
        """One step towards the wanted config."""
        there = home(config, port)
        self._check(servers(config).get(there, {}), there, wanted, port)
        new = {"listen": [f":{port}"], **({} if secure else {"automatic_https": {"disable": True}})}
        places = self.found(config)
        if [name for name, _, _ in places] == [there]:
            self._admin.ask("PATCH", f"/id/{self._name}", wanted)
        elif places:  # it has another port now; two routes of one name cannot be
            name, server, before = places[0]
            self.remove()
            try:
                self._add(there, wanted, new)
            except RunFailed:
                self._add(name, before, server)
                raise
        else:
            self._add(there, wanted, new)

    def _add(self, there: str, wanted: Config, new: Config) -> None:
        """Have it in the server `there`; where that is missing, it is made like `new`."""
        server = servers(self._admin.config()).get(there)
        if server is None:
            self._admin.ask("PUT", f"{SERVERS}/{there}", {**new, "routes": [wanted]})
        elif routes(server) and "match" in wanted:
            self._admin.ask("PUT", f"{SERVERS}/{there}/routes/0", wanted)
        elif "routes" in server:
            self._admin.ask("POST", f"{SERVERS}/{there}/routes", wanted)
        else:
            self._admin.ask("PUT", f"{SERVERS}/{there}/routes", [wanted])

    def _check(self, server: Config, name: str, wanted: Config, port: int) -> None:
        """Refuse to take what is somebody else's: a whole port, or a domain."""
        if "match" not in wanted and server and not name.startswith(OURS):
            raise RunFailed(
                f"caddy serves other sites on port {port} already", hint="give the router a `domain`, or another `port`"
            )
        mine = set(caddy_route.hosts(wanted))
        for other in routes(server):
            theirs = set(caddy_route.hosts(other))
            both = mine & theirs
            if not self._is_ours(other) and (both or (not mine and not theirs)):
                what = ", ".join(sorted(both)) or f"all of port {port}"
                by = f", for {caddy_route.owner(other)}" if caddy_route.owner(other) else ""
                raise RunFailed(f"caddy serves {what} already{by}", hint="take that out there, or choose another here")

    def _is_ours(self, route: Any) -> bool:
        """Whether it is this target's; `RunFailed` where it is that of a namesake in another folder, still there."""
        if not isinstance(route, dict) or route.get("@id") != self._name:
            return False
        root = caddy_route.owner(route)
        if root not in (None, self._root) and os.path.isdir(f"{root}/run"):
            raise RunFailed(
                f"caddy's route {self._name} belongs to {root}", hint="two targets on one host need names of their own"
            )
        return True


def home(config: Config, port: int) -> str:
    """The server that listens on the port, be it somebody else's; else one of ours that is still to be made."""
    names = [name for name, server in servers(config).items() if port in _ports(server)]
    return next(iter(names), f"{OURS}{port}")


def servers(config: Config) -> dict[str, Config]:
    """The servers that there are, by their names."""
    found = ((config.get("apps") or {}).get("http") or {}).get("servers") or {}
    return {name: server for name, server in found.items() if isinstance(server, dict)}


def routes(server: Config) -> list[Any]:
    """The routes of a server, in their order."""
    return server.get("routes") or []


def _ports(server: Config) -> set[int]:
    """The TCP ports that a server listens on, ranges spelled out."""
    found: set[int] = set()
    for address in server.get("listen") or []:
        if address.startswith(("unix", "udp/")):
            continue
        first, _, last = address.rpartition(":")[2].partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last if last.isdigit() else first) + 1))
    return found
