"""Are the ports of the formation ours to use, now and later?"""

from __future__ import annotations

from typing import Any, Optional

from deployer.agent import pending, procfs, sockets
from deployer.agent.context import Host
from deployer.agent.examine_kernel import setting
from deployer.agent.finding import finding
from deployer.agent.holder import Holder
from deployer.core.formation import expand
from deployer.core.ledger import Ledger
from deployer.core.release import Spec

RANGE, RESERVED = "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"
SYSTEMD = "systemd"  # which has the sockets of its units


def findings(host: Host, known: Ledger, spec: Optional[Spec]) -> list[dict[str, Any]]:
    """Who else listens on a port that the formation needs, and whether the kernel may give it away."""
    needed = _needed(host, known, spec)
    return [*_held(host, needed), *_given_away(needed)]


def _needed(host: Host, known: Ledger, spec: Optional[Spec]) -> dict[int, str]:
    """The ports that processes bind, with their names: as they were handed out, else as deploy.yaml fixed them."""
    if spec is None:
        return {}
    binding = [kind for kind in spec.launch.processes if kind.binds_port]
    here, places = pending.name(host.files), pending.places(host.files)
    run = known.run_of(here)
    if run is None:
        return {kind.port: f"{kind.name}.1" for kind in binding if kind.port}
    counts = {name: count for name, count in run.on(here).items() if name in {kind.name for kind in binding}}
    return {process.port: process.name for process in expand(run.release, counts, places)}


def _held(host: Host, needed: dict[int, str]) -> list[dict[str, Any]]:
    if not needed:
        return []
    ours = {one.pid for i in host.manager.instances() if i.pid for one in procfs.family(i.pid)}
    sockets_of_ours, holding = pending.places(host.files).shared.values(), Holder(host.files).pids()
    told = []
    for port, name in needed.items():
        owner = sockets.owner(port)
        held = owner is not None and port in sockets_of_ours and (owner[0] in holding or owner[1] == SYSTEMD)
        if owner is not None and owner[0] not in ours and not held:
            who = f"{owner[1]} (pid {owner[0]})" if owner[0] else "another user's process"
            told.append(f"{port} of {name} is held by {who}")
    names = ", ".join(f"{port} ({name})" for port, name in needed.items())
    hint = "end it, or give the process type another `port` in deploy.yaml"
    return [finding("ports", "; ".join(told) or names, ok=not told, hint=hint)]


def _given_away(needed: dict[int, str]) -> list[dict[str, Any]]:
    """Whether the kernel may use a port of ours for somebody's outgoing connection: then it is taken by chance."""
    bounds = setting(RANGE).split()
    if len(bounds) != 2:
        return []
    low, high = map(int, bounds)
    reserved = ports(setting(RESERVED))
    inside = [port for port in needed if low <= port <= high and port not in reserved]
    found = f"{low} to {high} for outgoing connections"
    if inside:
        found += f": {', '.join(f'{port} of {needed[port]}' for port in inside)} may be taken by one"
    hint = f"give the type a `port` below {low}, or `sudo sysctl -w {RESERVED}={','.join(map(str, inside))}`"
    return [finding("local ports", found, warn=bool(inside), hint=hint)]


def ports(text: str) -> set[int]:
    """The ports of `8000,9000-9010`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal():
            found.update(range(int(first), int(last or first) + 1))
    return found
