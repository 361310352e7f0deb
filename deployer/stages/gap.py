"""Downtime at a switch: which process types refuse requests for a moment, and for how long; told before it happens.

A process that binds its port itself, with no router in front, has to leave it before the next one can have it.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployer.core import strategy
from deployer.core.ledger import Ledger, Run
from deployer.core.manifest import ProcessType
from deployer.core.routing import Router
from deployer.core.turnover import EVERYTHING
from deployer.stages.events import WARNING, Event
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted


def tell(target: Target, wanted: Wanted) -> None:
    """Warn of each type that this switch makes refuse requests."""
    running = target.ledger.current_run
    if wanted.stopped or running is None or running.stopped:
        return
    spec = target.spec(wanted.version)
    for kind in spec.launch.processes:
        routed = bool(spec.router.kind) and kind.name == spec.router.type
        if strategy.stuck(kind, routed=routed) and _replaced(kind, running, wanted):
            target.report(Event(WARNING, _told(kind, target.ledger, wanted.formation[kind.name], spec.router)))


def _replaced(kind: ProcessType, running: Run, wanted: Wanted) -> bool:
    """Whether processes of this type that serve now are to leave their ports to new ones."""
    if not running.formation.get(kind.name) or not wanted.formation.get(kind.name):
        return False
    again = {name.partition(".")[0] for name in wanted.restart}
    return running.release != wanted.version or kind.name in again or EVERYTHING in again


def _told(kind: ProcessType, ledger: Ledger, count: int, router: Router) -> str:
    seconds = next(_measured(ledger, kind.name), None)
    long = (
        "for a moment"
        if seconds is None
        else f"for about {seconds:.1g} s"
        if seconds < 1
        else f"for about {seconds:.0f} s"
    )
    who = kind.name if count == 1 else f"each process of {kind.name} in turn"
    way = f"`router: {{type: {kind.name}}}`" if router.kind and router.type != kind.name else "a `router`"
    ways = (
        "`listen: socket` ends that"
        if router.kind and router.type == kind.name
        else f"`listen: socket` or {way} ends that"
    )
    return f"{who} refuses requests {long} while it is replaced: {ways}"


def _measured(ledger: Ledger, kind: str) -> Iterator[float]:
    """How long it was at earlier switches, the last one first."""
    for run in reversed(ledger.runs):
        known = run.times.get("gap", {}).get(kind)
        if known:
            yield float(known["seconds"])
