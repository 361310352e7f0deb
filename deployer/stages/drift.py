"""What differs between what the ledger says, what `current` names and what runs?"""

from __future__ import annotations

from deployer.core.ledger import Ledger
from deployer.core.requests import Looked

ALIVE = ("up", "starting")


def found(ledger: Ledger, seen: Looked) -> list[str]:
    """The differences on one host, each in words; none where all agree."""
    run = ledger.current_run
    named = f"v{run.release}" if run else ""
    told = []
    if seen.pending:
        told.append(f"a run of {seen.pending} is not confirmed yet")
    if seen.current != named:
        told.append(f"`current` names {seen.current or 'nothing'}, the ledger says {named or 'nothing'}")
    wanted = set()
    if run and not run.stopped:
        wanted = {(f"{kind}.{n}", run.release) for kind, count in run.formation.items() for n in range(1, count + 1)}
    running = {(process.process, process.release): process for process in seen.processes}
    for name, version in sorted(wanted):
        process = running.get((name, version))
        if process is None:
            told.append(f"{name} does not run")
        elif process.state not in ALIVE:
            told.append(f"{name} is {process.state}" + (f" ({process.reason})" if process.reason else ""))
    told += [f"{name} of v{version} runs, but should not" for name, version in sorted(running.keys() - wanted)]
    return told
