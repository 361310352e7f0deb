"""What do the hosts' routers have of a target, and do they let the app answer?"""

from __future__ import annotations

from deployer.core import requests
from deployer.core.errors import UsageError
from deployer.core.routing import Maintenance
from deployer.stages.events import DONE, STEP, Event
from deployer.stages.target import Target


def set_maintenance(target: Target, wanted: Maintenance | None) -> list[str]:
    """Have every router answer by itself, or (None) let the app answer; the hosts that have one."""
    what = "maintenance on" if wanted else "maintenance off"
    target.report(Event(STEP, what))
    request = requests.SetMaintenance(wanted)
    told = target.ask(lambda session: session.call(request, requests.MaintenanceSet)).all()
    routed = [host for host, answer in told.items() if answer.routed]
    if not routed:
        name = target.settings.name
        raise UsageError(
            f"no router sends anything to {target.app} on {name}: nobody else could answer in its place",
            hint=way_to_one(target),
        )
    target.report(Event(DONE, what))
    return routed


def way_to_one(target: Target) -> str:
    """What to do where no router has a route: deploy.yaml may have one that was never shipped."""
    if target.settings.router.kind:
        return f"`deploy ship` gives {target.settings.router.kind} its route: deploy.yaml has that router"
    return f"give `targets.{target.settings.name}` a `router` in deploy.yaml, then `deploy ship`"


def shown(target: Target) -> dict[str, requests.RouterSeen]:
    """What every host's router has."""
    return target.ask(lambda session: session.call(requests.ShowRouter(), requests.RouterSeen)).all()
