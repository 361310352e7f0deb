"""Which host has a process of which the whole target has one at most, and how does another host come to have it?

Such a process stays where it is.  Where its host is no longer to run it, that host gives it up first, by a run of its
own: before the ledger says so, no other host starts it.  So there are never two, whatever is cut off, and whenever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from deployer.core import requests, strategy
from deployer.core.errors import DeployError, RunFailed
from deployer.core.ledger import Ledger
from deployer.core.release import Spec
from deployer.stages.events import WARNING, Event
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted

BringUp = Callable[[Target, Wanted], object]


def alone(spec: Spec) -> tuple[str, ...]:
    """The types of which the whole target has one process at most."""
    return tuple(kind.name for kind in spec.launch.processes if strategy.alone(kind))


def placed(target: Target, wanted: Wanted) -> Wanted:
    """`wanted`, with the host that has each such type.

    `RunFailed` where the host that has it is none of the target any more: nobody knows whether it still runs there.
    """
    kinds = wanted.alone
    if kinds is None:
        kinds = alone(target.holding(wanted.version).call(requests.ReadSpec(wanted.version), Spec))
    places = {kind: host for kind in kinds if (host := _place(target, kind, needed=bool(wanted.formation.get(kind))))}
    return replace(wanted, alone=kinds, placed=places)


@contextmanager
def freed(target: Target, wanted: Wanted, bring_up: BringUp) -> Iterator[None]:
    """Have those hosts give up what another one is to start in this block; if that fails, they have it again."""
    moved = {} if wanted.stopped else _moving(target, wanted)
    before = {host: target.ledger.run_of(host) for host in moved}
    for host, kinds in moved.items():
        target.report(
            Event(WARNING, f"gives up {', '.join(kinds)}: {wanted.placed[kinds[0]]} has it from now on", host)
        )
        _give_up(target, host, bring_up, without=kinds)
    try:
        yield
    except DeployError:
        for host, run in before.items():
            if run is not None:
                back = Wanted(run.release, run.on(host), alone=(), placed={})
                with suppress(DeployError):  # the failure that is told is the one of the block
                    bring_up(target.narrowed([host]), back)
        raise


def _give_up(target: Target, host: str, bring_up: BringUp, *, without: list[str]) -> None:
    run = target.ledger.run_of(host)
    if run is not None:
        kept = {kind: count for kind, count in run.on(host).items() if kind not in without}
        bring_up(target.narrowed([host]), Wanted(run.release, kept, run.stopped, alone=(), placed={}))


def _moving(target: Target, wanted: Wanted) -> dict[str, list[str]]:
    """What each host has to give up."""
    found: dict[str, list[str]] = {}
    for kind, host in wanted.placed.items():
        for other in having(target.ledger, kind):
            if other != host and wanted.formation.get(kind) and other in _here(target):
                found.setdefault(other, []).append(kind)
    return found


def _place(target: Target, kind: str, *, needed: bool) -> str | None:
    """The host that has `kind`: the one that had it before, above all where it cannot be told to give it up."""
    here, known = _here(target), [host.host for host in target.settings.hosts] or _here(target)
    holders = having(target.ledger, kind)
    for host in holders:
        if host not in known and needed and not target.forgiving:
            raise RunFailed(
                f"{kind} may have one process in the whole target, and {host}, which is none of its hosts now, has it",
                hint=f"put {host} back into deploy.yaml, and take {kind} from its `runs`; or, if it is gone for good,"
                " say --allow-missing",
            )
    able = [host for host in known if kind in target.share(host, {kind: 1})]
    for host in [h for h in holders if h in known and h not in here] + [h for h in holders if h in able]:
        return host
    return next((host for host in able if host in here), None)


def _here(target: Target) -> list[str]:
    return [session.host.name for session in target.chosen]


def having(ledger: Ledger, kind: str) -> list[str]:
    """The hosts that are to run a process of `kind` now, those too that the target has no more."""
    names = dict.fromkeys(host for run in ledger.runs for host in run.hosts)
    runs = {host: ledger.run_of(host) for host in names}
    return [host for host, run in runs.items() if run and not run.stopped and run.on(host).get(kind)]
