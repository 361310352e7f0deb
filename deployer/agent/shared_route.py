"""How does the router in front of all hosts hear of their processes, and how is that undone?

The operator tells it, before hosts are switched and once they are up.  `run/route.before.json` is what it had before
that: there from the first change until the record of the run confirms it, else it is put back: by the operator's word,
by the end of its session, by the next holder of the lock, or after a boot.
"""

from __future__ import annotations

import json
import time
from typing import Callable, Optional, Sequence

from deployer.agent import durable, events, ledger, look, pending, routing, sockets, stage
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.routers import router_of
from deployer.agent.routing import PAUSE, Routed
from deployer.core import requests, shares, wire
from deployer.core.errors import DeployError, Drift, RunFailed
from deployer.core.ledger import SUCCEEDED
from deployer.core.message import message
from deployer.core.names import release_number
from deployer.core.release import Spec
from deployer.core.routing import Upstream


@message
class Before:
    """What the router had before the run of `attempt`, and which releases' assets were reachable."""

    attempt: str
    routed: Optional[Routed]
    assets: list[int]


def read_route(_: requests.ReadRoute, host: Host) -> requests.Shares:
    """The shares of the hosts in the route."""
    known = routing.stored(host.files)
    return requests.Shares(dict(known.hosts) if known else {})


def put_route(request: requests.PutRoute, host: Host) -> requests.RoutePut:
    """Have the router send requests to these shares; `RunFailed` if it cannot, and then it has what it had."""
    files, known = host.files, routing.stored(host.files)
    problem = router_of(files, request.router).hindrance()
    if problem:
        raise RunFailed(problem[0], hint=problem[1])
    upstreams = shares.upstreams(request.hosts)
    if not upstreams and (known is None or not known.router.host):  # the first ones are still to come
        return requests.RoutePut(changed=False)
    asked = routing.Asked(request.health, request.health_host, request.health_headers)
    route = routing.route_of(files, request.router, upstreams, asked)
    wanted = Routed(request.router, route, tuple(request.hosts.items()))
    served = routing.serving_assets(files)
    assets = [*served]
    if request.up or request.version not in served:
        assets = [version for version in served if version != request.version]
        assets.insert(0 if request.up else 1, request.version)
    if wanted != known or assets != served:
        _set_aside(files, Before(request.attempt, known, served))
    routing.tell(files, wanted, assets)
    point("route.shared")
    leaving = [one for one in known.route.upstreams if one not in upstreams] if known and known.router.host else []
    _drained(leaving, request.patience, host.session.check)
    return requests.RoutePut(changed=wanted != known)


def leave(files: Layout, spec: Spec, attempt: str) -> None:
    """A route to all hosts gives way to one of this host's own: should the run fail, it is to be put back."""
    known = routing.stored(files)
    if known is not None and known.router.host and not spec.router.host:
        _set_aside(files, Before(attempt, known, routing.serving_assets(files)))


def restore_route(_: requests.RestoreRoute, host: Host) -> requests.Done:
    """Put back what the router had before a run that is not confirmed."""
    settle(host.files)
    return requests.Done()


def confirm(files: Layout, attempt: str, *, here: bool = False) -> None:
    """The run is in the ledger: the route stays.

    If the run was for this host (`here`): once its release has one router for all, a route of the host's own is none
    any more; nor is it the other way round.
    """
    before = _before(files)
    if before is not None and before.attempt == attempt:
        durable.remove(files.run / pending.ROUTE, name="route.confirm")
    known, serving = routing.stored(files), release_number(look.current(files))
    if not here or known is None or serving is None:
        return
    try:
        if stage.spec(files, serving).router.host != known.router.host:
            routing.remove(files)
    except DeployError as error:  # it is not in the way of anything
        events.note(files, "failing", release=serving, text=f"its route of before is not gone: {error.message}")


def settle(files: Layout) -> list[str]:
    """Let the route stay, or put back what was before: the ledger decides.  Tell what was done."""
    before = _before(files)
    if before is None:
        return []
    if any(run.attempt == before.attempt and run.outcome == SUCCEEDED for run in ledger.read(files).runs[-1:]):
        confirm(files, before.attempt)
        return []
    told = _put_back(files, before)
    events.note(files, "rerouted", release=None, text=told)
    durable.remove(files.run / pending.ROUTE, name="route.undone")
    return [told]


def _put_back(files: Layout, before: Before) -> str:
    """Should the router not be there, it hears of this when it is: `run/route.json` says so from here on."""
    try:
        if before.routed is None:
            routing.remove(files)
        else:
            routing.keep(files, before.routed)
            routing.tell(files, before.routed, before.assets)
    except (DeployError, OSError) as error:
        return f"the router did not take its route of before: {error}"
    return "the router has its route of before again"


def _set_aside(files: Layout, before: Before) -> None:
    """Keep what is to be put back; of one attempt what it changed first."""
    known = _before(files)
    if known is None or known.attempt != before.attempt:
        durable.write(files.run / pending.ROUTE, wire.dump(wire.encode(before)), mode=0o600, name="route.before")


def _before(files: Layout) -> Optional[Before]:
    try:
        return wire.decode(Before, json.loads((files.run / pending.ROUTE).read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Drift(f"{files.run / pending.ROUTE} is damaged", hint="remove it, then `deploy restart`") from error


def _drained(leaving: Sequence[Upstream], patience: float, check: Callable[[], None]) -> None:
    """Wait, so long at most, for the requests that have begun at these upstreams."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(sockets.leading(one.address, one.port) for one in leaving):
        check()
        time.sleep(PAUSE)
