"""How do requests get from the host's router to the processes of this target, and to no others?

`run/route.json` is what the router was last told; `run/maintenance.json` says that it is to answer by itself.
`run/assets` has links to the releases that served, 0 the newest: their files stay reachable for pages that came before.
So what the router is told of them is the same for every release, and a router that is told nothing new drops nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Callable, Iterable, Optional, Sequence

from deployer.agent import durable, sockets
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.routers import RouterProgram, router_of
from deployer.core import plain, routing, wire
from deployer.core.errors import DeployError, Drift, RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import Link
from deployer.core.message import message
from deployer.core.release import Spec
from deployer.core.routing import AssetFolders, Maintenance, Route, Router, Upstream

ROUTE, MAINTENANCE, ASSETS = "route.json", "maintenance.json", "assets"
EARLIER = 3  # releases whose assets stay reachable
PACKED = (".gz", ".br")
PAUSE = 0.02


@message
class Routed:
    """What a router was last told: which one, and what; one in front of all hosts, which of it is whose share."""

    router: Router
    route: Route
    hosts: tuple[tuple[str, tuple[Upstream, ...]], ...] = ()


def check(files: Layout, spec: Spec, processes: Optional[Iterable[Process]] = None) -> None:
    """`RunFailed` where the router that the release wants cannot be used on this host; nothing is touched.

    Where none of `processes` is routed to, none is needed.
    """
    if spec.router.own and (processes is None or upstreams(spec, processes)):
        problem = router_of(files, spec.router).hindrance() or _taken(files, spec.router)
        if problem:
            raise RunFailed(problem[0], hint=problem[1])


def _taken(files: Layout, router: Router) -> tuple[str, ...]:
    """Who else listens where the router is to, as far as we may know; nobody, where it has had the route already."""
    known = stored(files)
    had = known is not None and (*_place(known.router), known.router.port) == (*_place(router), router.port)
    if had or not router.port:
        return ()
    pid, name = sockets.owner(router.port) or (0, "")
    if not pid or name == router.kind:
        return ()
    told = f"port {router.port}, where {router.kind} is to listen, is held by {name} (pid {pid})"
    return told, "stop it, or give `router.port` another one in deploy.yaml"


@message
class Asked:
    """The path that processes have to answer which are routed to ('' for none), and as whom they are asked."""

    path: str = ""
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def health(spec: Spec, router: Router) -> Asked:
    """How processes are asked which are routed to."""
    kind = spec.types.get(router.type)
    if kind is None or not kind.health.startswith("/"):
        return Asked()
    return Asked(kind.health, kind.health_host, kind.health_headers)


def site(files: Layout, spec: Spec) -> tuple[AssetFolders, ...]:
    """The folder of a static site that the router of this host serves by itself; () where its process has to.

    It has to where the router would give what the process does not (what links lead to), or less (compressed files).
    """
    kind = spec.types.get(spec.router.type)
    folder = plain.served(kind.command) if kind and spec.router.own else ""
    if not folder:
        return ()
    from deployer.agent import transfer  # noqa: PLC0415 - for static sites only

    below = "" if folder == "." else f"{folder}/"
    try:
        entries = [one for one in transfer.open_manifest(files, spec.build).entries if one.path.startswith(below)]
    except DeployError:
        return ()
    if any(isinstance(one, Link) or one.path.endswith(PACKED) for one in entries):
        return ()
    return (AssetFolders("", (f"{files.run}/{ASSETS}/0/{below}".rstrip("/"),)),)


def route_of(
    files: Layout,
    router: Router,
    upstreams: tuple[Upstream, ...],
    health: Asked,
    site: tuple[AssetFolders, ...] = (),
) -> Route:
    """The route to these upstreams; a static `site` comes after the assets, which are more special."""
    return Route(
        app=files.app,
        target=files.target,
        domain=router.domain,
        port=router.port,
        upstreams=upstreams,
        health=health.path,
        health_host=health.host,
        health_headers=health.headers,
        assets=routing.folders(router, [f"{files.run}/{ASSETS}/{number}" for number in range(EARLIER + 1)]) + site,
        maintenance=maintenance(files),
    )


def move(files: Layout, spec: Spec, processes: Iterable[Process]) -> None:
    """Send new requests to these processes of a release, and to no others; nothing where there is no router.

    `RunFailed` if the router cannot be moved: it has what it had.  What has begun goes on where it is: `drained`.
    Where one router stands in front of all hosts, the operator moves that (agent/shared_route.py): one of this host's
    own goes on until then, and what is not wanted any more until the run is confirmed.
    """
    before, router = stored(files), spec.router
    shared = before is not None and bool(before.router.host)
    if router.host:
        if before is None or shared:
            return
        router = before.router
    found = routing.upstreams(router, processes) if router.kind else ()
    if not router.kind or not (found or before):  # a host that runs other types has nothing to route to
        if not shared:
            remove(files)
        return
    if shared and not found:
        return
    served = [version for version in serving_assets(files) if version != spec.version]
    route = route_of(files, router, found, health(spec, router), site(files, spec))
    tell(files, Routed(router, route), [spec.version, *served])


def tell(files: Layout, wanted: Routed, assets: Sequence[int]) -> None:
    """Have the router told this, and the assets of these releases reachable; if that fails all is as it was."""
    before, served = stored(files), serving_assets(files)
    point("route.put")
    try:
        _serve(files, assets)
        router_of(files, wanted.router).put(wanted.route)
    except BaseException:
        _serve(files, served)
        raise
    point("route.moved")
    if before and _place(before.router) != _place(wanted.router):
        router_of(files, before.router).remove()
    keep(files, wanted)
    if wanted != before:  # one that was started just now may have been told what it had before
        with contextlib.suppress(DeployError):
            router_of(files, wanted.router).put(wanted.route)
    if not wanted.router.admin and not wanted.router.conf:  # the host's own
        from deployer.agent import router_restart  # noqa: PLC0415 - only where a router is told something

        with contextlib.suppress(DeployError, OSError):
            router_restart.ensure(wanted.router.kind)


def upstreams(spec: Spec, processes: Iterable[Process]) -> tuple[Upstream, ...]:
    """Where those of `processes` listen that the release's router sends requests to."""
    return routing.upstreams(spec.router, processes) if spec.router.kind else ()


def drained(files: Layout, spec: Spec, leaving: Sequence[Upstream], patience: float, check: Callable[[], None]) -> bool:
    """Whether no request is left at any of these upstreams, waited for at most `patience` seconds.

    `check` is called all the time and may raise.
    """
    if not spec.router.kind or not leaving:
        return True
    program = router_of(files, spec.router)
    deadline = time.monotonic() + patience
    while any(program.busy(upstream) for upstream in leaving):
        check()
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def again(files: Layout) -> None:
    """Tell the router once more what it was last told, in case it has been started anew; nothing where it has it.

    Whoever holds no lock may be told another route meanwhile: the newest one is what the router hears last.
    """
    known, told = stored(files), None
    while known and known != told:
        router_of(files, known.router).put(known.route)
        known, told = stored(files), known


def remove(files: Layout) -> None:
    """Take this target's route away."""
    known = stored(files)
    if known:
        router_of(files, known.router).remove()
        durable.remove(files.run / ROUTE, name="route")


def stored(files: Layout) -> Optional[Routed]:
    """What the router was last told."""
    found = _read(files, ROUTE)
    return None if found is None else wire.decode(Routed, found)


def maintenance(files: Layout) -> Optional[Maintenance]:
    """What the router is to answer by itself; None where the app answers."""
    found = _read(files, MAINTENANCE)
    return None if found is None else wire.decode(Maintenance, found)


def close(files: Layout, wanted: Optional[Maintenance]) -> None:
    """Have the router answer by itself, or (None) let the app answer again; also after later runs."""
    known = stored(files)
    if known:
        route = Route(**{**known.route.__dict__, "maintenance": wanted})
        router_of(files, known.router).put(route)
        keep(files, Routed(known.router, route, known.hosts))
    if wanted is None:
        durable.remove(files.run / MAINTENANCE, name="maintenance")
    else:
        _write(files, MAINTENANCE, wire.encode(wanted))


def program(files: Layout) -> Optional[RouterProgram]:
    """The router that was last told of this target."""
    known = stored(files)
    return router_of(files, known.router) if known else None


def _place(router: Router) -> tuple[str, str, str]:
    return router.kind, router.admin, router.conf


def keep(files: Layout, routed: Routed) -> None:
    """Write down what the router is told: it hears it again after its next start."""
    if routed != stored(files):
        _write(files, ROUTE, wire.encode(routed))


def _serve(files: Layout, versions: Sequence[int]) -> None:
    """Have the assets of these releases reachable, the first one's first; meanwhile none is unreachable."""
    folder = files.run / ASSETS
    durable.make_directory(folder)
    for name in os.listdir(folder):
        if name.startswith(durable.TEMPORARY):
            durable.remove(folder / name, name="sweep")
    for number, version in reversed(list(enumerate(versions[: EARLIER + 1]))):
        target = f"../../releases/v{version}/app"
        if not os.path.islink(folder / str(number)) or os.readlink(folder / str(number)) != target:
            durable.point_link(folder / str(number), target, name="assets")


def serving_assets(files: Layout) -> list[int]:
    """The releases whose assets are reachable, the newest first."""
    found = []
    for number in range(EARLIER + 1):
        with contextlib.suppress(OSError):
            found.append(int(os.readlink(files.run / ASSETS / str(number)).split("/")[3][1:]))
    return found


def _write(files: Layout, name: str, value: object) -> None:
    durable.write(files.run / name, wire.dump(value), mode=0o600, name=name.partition(".")[0])


def _read(files: Layout, name: str) -> Any:
    try:
        return json.loads((files.run / name).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Drift(f"{files.run / name} is damaged", hint="remove it, then `deploy restart`") from error
