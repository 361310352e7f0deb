"""Modification times: which are those of a release's files, on all hosts of a target?"""

from __future__ import annotations

from deployer.core import requests
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted


def agreed(target: Target, wanted: Wanted) -> list[int]:
    """The times as one host has given them, the primary if it can; none where there is one host, or nothing new to run.

    Every host that is to run the release gets the same, whatever it missed before.
    """
    if wanted.stopped or len(target.fleet.sessions) == 1:
        return []
    runs = [target.ledger.run_of(session.host.name) for session in target.chosen]
    if all(run is not None and run.release == wanted.version for run in runs):
        return []
    known = [session for session in (target.primary, *target.chosen) if wanted.version in session.found.releases]
    return known[0].call(requests.GiveTimes(wanted.version), requests.Times).seconds if known else []
