"""Where is what runs reached?  The URLs of a run, told when it ends."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.core import requests
from deployer.core.release import Spec
from deployer.core.routing import HTTP, HTTPS, LOOPBACK, WEB, Router
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted


def urls(target: Target, wanted: Wanted, switched: Mapping[str, requests.Switched]) -> tuple[str, ...]:
    """Where a browser finds the release: at its router, or else at the first `web` of each host."""
    return _urls(target, wanted, {host: reply.ports for host, reply in switched.items()})


def current(target: Target) -> tuple[str, ...]:
    """Where a browser finds what serves now."""
    from deployer.stages import view  # noqa: PLC0415 - this module is on the way of every run

    run = target.ledger.current_run
    if run is None:
        return ()
    ports: dict[str, dict[str, int]] = {session.host.name: {} for session in target.chosen}
    for host, seen in view.ps(target):
        kind = seen.process.partition(".")[0]
        if seen.port and seen.release == run.release and host in ports:
            ports[host][kind] = min(seen.port, ports[host].get(kind, seen.port))
    return _urls(target, Wanted(run.release, dict(run.formation), run.stopped), ports)


def _urls(target: Target, wanted: Wanted, given: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    spec = target.spec(wanted.version)
    kind = spec.router.type if spec.router.kind else WEB
    serving = [] if wanted.stopped else [host for host in given if wanted.share(target, host).get(kind)]
    if not serving:
        return ()
    names = {host.host: host.address or host.host for host in target.settings.hosts}
    if spec.router.kind:
        fronts = [spec.router.host] if spec.router.host else serving
        return _routed(spec.router, [names.get(front, LOOPBACK) for front in fronts])
    ports = {host: given[host].get(kind) for host in serving if _binds(spec, kind)}
    return tuple(f"http://{_name(names.get(host, LOOPBACK))}:{port}" for host, port in ports.items() if port)


def _binds(spec: Spec, kind: str) -> bool:
    return kind in spec.types and spec.types[kind].binds_port


def _routed(router: Router, hosts: list[str]) -> tuple[str, ...]:
    scheme, usual = ("https", HTTPS) if router.secure else ("http", HTTP)
    port = "" if router.listens == usual else f":{router.listens}"
    return tuple(dict.fromkeys(f"{scheme}://{_name(name)}{port}" for name in router.domain or hosts))


def _name(host: str) -> str:
    return f"[{host}]" if ":" in host else host
