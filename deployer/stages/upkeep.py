"""What can go?  prune."""

from __future__ import annotations

from deployer.core import ledger, requests
from deployer.core.errors import DeployError
from deployer.core.names import release_name
from deployer.stages.events import DONE, WARNING, Event
from deployer.stages.target import Target


def prune(target: Target, keep: int | None = None) -> dict[str, requests.Pruned]:
    """Take away what is beyond the newest `keep` releases (default: the target's) and depended on by nothing."""
    count = target.settings.keep if keep is None else keep
    stay = ledger.kept(target.ledger, count, ())  # a host itself leaves what a process of its own runs from
    builds = list(dict.fromkeys(build.id for build in target.project.store.list()))[: max(count, 1)]
    request = requests.Prune(sorted(stay), builds)
    return target.ask(lambda session: session.call(request, requests.Pruned)).all()


def tidy(target: Target) -> None:
    """Prune after a run that succeeded; the run has succeeded whatever becomes of this."""
    stay = ledger.kept(target.ledger, target.settings.keep, ())
    if not any(set(session.found.releases) - stay for session in target.chosen):
        return
    try:
        pruned = prune(target)
    except DeployError as error:
        target.report(Event(WARNING, f"old releases were not pruned: {error.message}"))
        return
    gone = sorted({version for host in pruned.values() for version in host.releases})
    if gone:
        names = ", ".join(release_name(version) for version in gone)
        target.report(Event(DONE, f"pruned {names}; `keep` in deploy.yaml is {target.settings.keep}"))
