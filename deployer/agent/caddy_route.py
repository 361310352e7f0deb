"""How does caddy write a route, and what does one say that it has?

Connections to upstreams are not kept alive: an app that sends the head and the body of an answer separately, as
Python's own server does, waits 40 ms on a kept one for caddy's delayed ACK (docs/explanation/routers.md), and an open
connection would not tell whether a request is on its way still.
"""

from __future__ import annotations

import re
from typing import Any, Optional

from deployer.core import routing
from deployer.core.routing import AssetFolders, Maintenance, Route, Upstream

HOST = "{http.request.host}"
OWNER = "deployer"  # the variable that says whose a route is: the root of its target
TRY, PAUSE = "5s", "50ms"
DOWN = "2s"  # so long an upstream that refused is left out, where there are others
INTERVAL, TIMEOUT = "5s", "5s"
DIAL_TIMEOUT = "3s"


def render(route: Route, root: str, *, secure: bool) -> dict[str, Any]:
    """The route as caddy takes it; where it is `secure`, caddy gets certificates for its domains."""
    closed = route.closed
    handle = [_unavailable(closed)] if closed else [_app(route)]
    found: dict[str, Any] = {
        "@id": routing.name(route.app, route.target),
        "handle": [{"handler": "vars", OWNER: root}, *handle],
        "terminal": True,
    }
    if route.domain:
        found["match"] = [{"host": list(route.domain)} if secure else {"vars": {HOST: list(route.domain)}}]
    return found


def redirect(route: Route, root: str) -> dict[str, Any]:
    """The route that sends visitors of the plain port to https."""
    location = f"https://{HOST}{{http.request.uri}}"
    return {
        "@id": f"{routing.name(route.app, route.target)}-http",
        "match": [{"vars": {HOST: list(route.domain)}}],
        "handle": [
            {"handler": "vars", OWNER: root},
            {"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}},
        ],
        "terminal": True,
    }


def owner(found: Any) -> Optional[str]:
    """The root of the target that has written this route; None for somebody else."""
    first = next(iter(_list(found, "handle")), None)
    told = first.get(OWNER) if isinstance(first, dict) else None
    return told if isinstance(told, str) else None


def hosts(found: Any) -> list[str]:
    """The domains that a route is for; none for all."""
    matches = _list(found, "match")
    found = [_list(match, "host") + _list(match.get("vars"), HOST) for match in matches if isinstance(match, dict)]
    return [str(host) for one in found for host in one]


def upstreams(found: Any) -> tuple[Upstream, ...]:
    """Where a route sends requests to, whoever wrote it."""
    told: list[Upstream] = []
    for part in _walk(found):
        for one in _list(part, "upstreams") if part.get("handler") == "reverse_proxy" else ():
            address, _, port = str(one.get("dial", "")).rpartition(":")
            if port.isdigit():
                told.append(Upstream(address.strip("[]"), int(port)))
    return tuple(told)


def _app(route: Route) -> dict[str, Any]:
    routes = [_assets(one) if one.url else _site(one) for one in route.assets if one.folders]
    return {"handler": "subroute", "routes": [*routes, {"handle": [_proxy(route)]}]}


def _proxy(route: Route) -> dict[str, Any]:
    proxy: dict[str, Any] = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream.name} for upstream in route.upstreams],
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}, "dial_timeout": DIAL_TIMEOUT},
        "load_balancing": {
            "selection_policy": {"policy": "least_conn"},
            "try_duration": TRY,
            "try_interval": PAUSE,
        },
    }
    if len(route.upstreams) > 1:  # the only one is always tried
        checks: dict[str, Any] = {"passive": {"fail_duration": DOWN, "max_fails": 1}}
        if route.health:
            host, scheme = (route.domain[0], "https") if route.domain else ("localhost", "http")
            asked = {"Host": [route.health_host or host], "X-Forwarded-Proto": [scheme]}  # as a visitor asks
            asked.update({name.title(): [value] for name, value in route.health_headers})
            checks["active"] = {"uri": route.health, "interval": INTERVAL, "timeout": TIMEOUT, "headers": asked}
        proxy["health_checks"] = checks
    return proxy


def _cache(value: str) -> dict[str, Any]:
    """Files of releases that older versions made have one time, so that nothing can be said by it."""
    return {
        "handler": "headers",
        "request": {"delete": ["If-None-Match", "If-Modified-Since", "If-Range"]},
        "response": {"deferred": True, "delete": ["Etag", "Last-Modified"], "set": {"Cache-Control": [value]}},
    }


_HASHED = {"path_regexp": {"pattern": routing.HASHED}, "not": [{"path_regexp": {"pattern": routing.WORD_OR_DATE}}]}
_CACHED = {
    "handler": "subroute",
    "routes": [
        {"match": [_HASHED], "handle": [_cache(routing.FOR_EVER)]},
        {"match": [{"not": [_HASHED]}], "handle": [_cache(routing.ASK_AGAIN)]},
    ],
}


def _assets(assets: AssetFolders) -> dict[str, Any]:
    """The files of the newest release that has them; what none has goes on to the app."""
    name = "asset"
    wanted = f"{{http.regexp.{name}.1}}"
    rewrite = {"handler": "rewrite", "uri": "{http.matchers.file.relative}"}
    routes = [
        {
            "match": [{"file": {"root": _plain(folder), "try_files": [wanted]}}],
            "handle": [_CACHED, rewrite, {"handler": "file_server", "root": _plain(folder)}],
            "terminal": True,
        }
        for folder in assets.folders
    ]
    pattern = f"^{re.escape(assets.url)}/(.*[^/])$"
    return {
        "match": [{"method": ["GET", "HEAD"], "path_regexp": {"name": name, "pattern": pattern}}],
        "handle": [{"handler": "subroute", "routes": routes}],
    }


def _kept(value: str) -> dict[str, Any]:
    found = {"Cache-Control": [value], "X-Content-Type-Options": ["nosniff"]}
    return {"handler": "headers", "response": {"set": found}}


def _site(site: AssetFolders) -> dict[str, Any]:
    """The files of a static site; folders, missing ones and names with a dot go on to its process, which knows them."""
    root = _plain(site.folders[0])
    cached = [
        {"match": [_HASHED], "handle": [_kept(routing.FOR_EVER)]},
        {"match": [{"not": [_HASHED]}], "handle": [_kept(routing.ASK_AGAIN)]},
    ]
    return {
        "match": [
            {
                "method": ["GET", "HEAD"],
                "path_regexp": {"name": "page", "pattern": "[^/]$"},
                "not": [{"path_regexp": {"name": "dot", "pattern": "/\\."}}],
                "file": {"root": root, "try_files": ["{http.request.uri.path}"]},
            }
        ],
        "handle": [
            {"handler": "subroute", "routes": cached},
            {"handler": "file_server", "root": root, "canonical_uris": False},
        ],
        "terminal": True,
    }


def _unavailable(closed: Maintenance) -> dict[str, Any]:
    return {
        "handler": "static_response",
        "status_code": 503,
        "headers": {
            "Content-Type": ["text/html; charset=utf-8"],
            "Retry-After": [str(closed.retry_after)],
            "Cache-Control": ["no-store"],
        },
        "body": _plain(routing.page(closed)),
    }


def _plain(text: str) -> str:
    """`text` without placeholders."""
    return text.replace("{", "\\{")


def _walk(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, list):
        return [part for one in found for part in _walk(one)]
    if isinstance(found, dict):
        return [found, *(part for one in found.values() for part in _walk(one))]
    return []


def _list(found: Any, key: str) -> list[Any]:
    told = found.get(key) if isinstance(found, dict) else None
    return told if isinstance(told, list) else []
