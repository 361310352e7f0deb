"""What is answered to an operator who asks for the router?"""

from __future__ import annotations

from deployer.agent import events, look, routing, sockets, stage
from deployer.agent.context import Host
from deployer.agent.routers import router_of
from deployer.core import requests
from deployer.core.errors import RunFailed
from deployer.core.names import release_number
from deployer.core.routing import Upstream


def set_maintenance(request: requests.SetMaintenance, host: Host) -> requests.MaintenanceSet:
    """Have the router answer by itself, or let the app answer again."""
    wanted = request.maintenance
    if routing.stored(host.files) is None and not _is_to_be_routed(host):
        return requests.MaintenanceSet(routed=False)
    if wanted != routing.maintenance(host.files) or wanted is not None:
        routing.close(host.files, wanted)
        events.note(host.files, "maintenance", release=None, text="on" if wanted else "off")
    else:
        routing.again(host.files)
    return requests.MaintenanceSet(routed=True)


def show_router(_: requests.ShowRouter, host: Host) -> requests.RouterSeen:
    """What the router has, and how that differs from what it was told."""
    known = routing.stored(host.files)
    if known is None:
        return requests.RouterSeen("", "", [], routing.maintenance(host.files), "")
    program = router_of(host.files, known.router)
    closed = known.route.closed
    at, drift, hint, upstreams = "", "", "", known.route.upstreams if closed is None else ()
    try:
        shown = program.shown()
    except RunFailed as error:
        drift, hint = error.message, error.hint or ""
    else:
        if shown is None:
            drift = f"{known.router.kind} has no route of this target"
        elif set(shown.upstreams) != set(upstreams):
            drift = f"{known.router.kind} sends requests elsewhere than it was told"
        at, upstreams = (shown.at, shown.upstreams) if shown else ("", ())
    if known.router.host:
        seen = [_seen_there(known, upstream) for upstream in upstreams]
    else:
        seen = [_seen(host, upstream, program.busy(upstream)) for upstream in upstreams]
    return requests.RouterSeen(known.router.kind, at, seen, known.route.maintenance, drift, hint)


def _seen(host: Host, upstream: Upstream, busy: int) -> requests.UpstreamSeen:
    names = [i.process.name for i in host.manager.instances() if i.process.port == upstream.port]
    return requests.UpstreamSeen(upstream.name, names, bool(sockets.listeners(upstream.port)), busy)


def _seen_there(known: routing.Routed, upstream: Upstream) -> requests.UpstreamSeen:
    """What is seen from here of an upstream on another host."""
    name = next((name for name, share in known.hosts if upstream in share), upstream.address)
    listens = sockets.answers(upstream.address, upstream.port)
    return requests.UpstreamSeen(upstream.name, [], listens, sockets.leading(upstream.address, upstream.port), name)


def _is_to_be_routed(host: Host) -> bool:
    """Whether the release that serves wants a router on this host."""
    serving = release_number(look.current(host.files))
    if serving is None:
        return False
    router = stage.spec(host.files, serving).router
    return bool(router.kind) and router.host in ("", host.asked.host)
