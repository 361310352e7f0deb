"""What can go?  prune."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployer.core import history, requests
from deployer.core.errors import DeployError
from deployer.core.history import Reason
from deployer.stages.events import DONE, WARNING, Event
from deployer.stages.target import Target


@dataclass(frozen=True)
class Pruning:
    """What was removed on each host, and why each of the releases was."""

    hosts: Mapping[str, requests.Pruned]
    why: Mapping[int, str]

    def gone(self, host: str) -> list[Reason]:
        """The releases that `host` lost."""
        return [Reason(version, self.why[version]) for version in self.hosts[host].releases]


def prune(target: Target, keep: int | None = None) -> Pruning:
    """Remove what is beyond the `keep` releases that served (default: the target's) and depended on by nothing."""
    count = target.settings.keep if keep is None else keep
    crashed = target.crashed
    stay = history.kept(target.ledger, count, (), crashed)  # a host itself leaves what a process of its own runs from
    builds = list(dict.fromkeys(build.id for build in target.project.store.list()))[: max(count, 1)]
    request = requests.Prune(sorted(stay), builds)
    hosts = target.ask(lambda session: session.call(request, requests.Pruned)).all()
    gone = sorted({version for pruned in hosts.values() for version in pruned.releases})
    return Pruning(hosts, history.why_pruned(target.ledger, gone, count, crashed))


def tidy(target: Target) -> None:
    """Prune after a run that succeeded; the run has succeeded whatever becomes of this."""
    stay = history.kept(target.ledger, target.settings.keep, (), target.crashed)
    if not any(set(session.found.releases) - stay for session in target.chosen):
        return
    try:
        pruned = prune(target)
    except DeployError as error:
        target.report(Event(WARNING, f"old releases were not pruned: {error.message}"))
        return
    if pruned.why:
        reasons = [Reason(version, why) for version, why in pruned.why.items()]
        target.report(Event(DONE, f"pruned {history.told(reasons)}"))
