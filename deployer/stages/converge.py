"""How are hosts that missed something brought to what the target serves?  What is right already is not touched.

A host may have missed releases and runs while it was down, be new in deploy.yaml, have lost a process or `current`,
or serve another release than the target since a run that was for some hosts only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployer.core import requests
from deployer.core.errors import NotFound
from deployer.core.history import rollback_target
from deployer.core.ledger import Run
from deployer.core.names import release_name
from deployer.stages import drift, formation, placing
from deployer.stages.run import Ran, bring_up, read_back
from deployer.stages.staging import stage_missing
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted


@dataclass(frozen=True)
class Converged:
    """What was done: what each host had to be mended of (nothing: it was right), and the run that changed some."""

    release: int
    hosts: Mapping[str, list[str]]
    ran: Ran | None


def converge(target: Target) -> Converged:
    """Bring every host of this command to the target's current run; that of a rollback is staged there, too."""
    current = formation.current(target)
    wanted = placing.placed(target, Wanted(current.release, dict(current.formation), stopped=current.stopped))
    releases = [current.release, *_kept_for_a_rollback(target)]
    looked = target.ask(drift.looked).all()
    differing = {
        host: [*_differing(target, current, wanted, host, seen), *drift.of_router(router), *drift.risks(seen)]
        for host, (seen, router) in looked.items()
    }
    found = {host: [*differing[host], *_missed(target, host, releases)] for host in looked}
    for version in releases:
        stage_missing(target, target.spec(version))
    to_switch = [host for host, told in differing.items() if told]
    ran = bring_up(target.narrowed(to_switch), wanted, cause="converge") if to_switch else None
    read_back(target)
    return Converged(current.release, found, ran)


def _differing(target: Target, current: Run, wanted: Wanted, host: str, seen: requests.Looked) -> list[str]:
    """What a switch has to mend on a host."""
    told = drift.found(target.ledger, host, seen)
    run, share = target.ledger.run_of(host), wanted.share(target, host)
    if not told and run and (run.on(host), run.stopped) != (share, current.stopped):
        told.append("its share of the formation is another one now")
    return told


def _missed(target: Target, host: str, releases: list[int]) -> list[str]:
    """What is mended without a switch."""
    records = target.caught_up.get(host, 0)
    present = target.fleet.named(host).found.releases
    told = [f"its ledger had missed {records} records"] if records else []
    return told + [f"{release_name(version)} is not there" for version in releases if version not in present]


def _kept_for_a_rollback(target: Target) -> list[int]:
    try:
        return [rollback_target(target.ledger, None, target.present, target.crashed).release.version]
    except NotFound:  # there is nothing to go back to
        return []
