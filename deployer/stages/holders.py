"""Which hosts may have a process of a type, as far as the ledger tells?  Pure: no host is asked.

A record counts from the moment that the first host has it.  A host that was lost just then went back to what it had
before: where it cannot be asked, its newest run does not prove that it gave something up.
"""

from __future__ import annotations

from collections.abc import Iterable

from deployer.core.ledger import SUCCEEDED, Ledger, Run


def having(ledger: Ledger, kind: str) -> list[str]:
    """The hosts that are to run a process of `kind` now, those too that the target has no more."""
    return [host for host, runs in _runs(ledger).items() if gives(runs[0], host, kind)]


def doubtful(ledger: Ledger, kind: str) -> list[str]:
    """The hosts that had one until their newest run, which may never have reached them.

    Another host that has it since then is the proof that it has: nobody starts it in case of doubt.
    """
    found = []
    for host, (newest, *before) in _runs(ledger).items():
        if before and gives(before[0], host, kind) and not gives(newest, host, kind):
            since = ledger.runs[_place(ledger, newest) :]
            others = [(run, other) for run in since if run.outcome == SUCCEEDED for other in run.hosts if other != host]
            if not any(gives(run, other, kind) for run, other in others):
                found.append(host)
    return found


def resting(ledger: Ledger, kind: str) -> list[str]:
    """The hosts that had one when they were stopped."""
    newest = {host: runs[0] for host, runs in _runs(ledger).items()}
    return [host for host, run in newest.items() if run.stopped and run.on(host).get(kind)]


def homeless(ledger: Ledger, kinds: Iterable[str]) -> list[str]:
    """Those of `kinds` that the target's current run has, and no host."""
    run = ledger.current_run
    return [kind for kind in kinds if run and not run.stopped and run.formation.get(kind) and not having(ledger, kind)]


def gives(run: Run, host: str, kind: str) -> bool:
    """Whether `host` has a process of `kind` by this run."""
    return not run.stopped and bool(run.on(host).get(kind))


def _runs(ledger: Ledger) -> dict[str, list[Run]]:
    """The runs that succeeded of each host, newest first."""
    found: dict[str, list[Run]] = {}
    for run in reversed(ledger.runs):
        for host in run.hosts if run.outcome == SUCCEEDED else ():
            found.setdefault(host, []).append(run)
    return found


def _place(ledger: Ledger, run: Run) -> int:
    return next(place for place, known in enumerate(ledger.runs) if known is run)
