"""What differs between what the ledger says, what `current` names and what runs?"""

from __future__ import annotations

from deployer.core.ledger import MOVE, Ledger
from deployer.core.requests import DRAINING, Looked
from deployer.stages import holders

ALIVE = ("up", "starting", "scheduled")


def found(ledger: Ledger, host: str, seen: Looked, *, whole: bool = True) -> list[str]:
    """The differences on one host, each in words; none where all agree.

    Not `whole`: the host may serve another release than the target, if the ledger says so.
    """
    run = ledger.run_of(host)
    named = f"v{run.release}" if run else ""
    told = []
    if seen.pending:
        told.append(f"a run of {seen.pending} is not confirmed yet")
    if seen.current != named:
        told.append(f"`current` names {seen.current or 'nothing'}, the ledger says {named or 'nothing'}")
    if whole and ledger.current and named != f"v{ledger.current}":
        told.append(f"serves {named or 'nothing'}, the target's current is v{ledger.current}")
    if whole and run and run.cause == MOVE and ledger.current_run:
        lost = holders.homeless(ledger, ledger.current_run.formation)
        told += [f"gave up {kind}, which no host has now" for kind in lost]
    wanted = {(name, run.release) for name in run.processes(host)} if run else set()
    lasting = [process for process in seen.processes if process.state != DRAINING]
    running = {(process.process, process.release): process for process in lasting}
    for name, version in sorted(wanted):
        process = running.get((name, version))
        if process is None:
            told.append(f"{name} does not run")
        elif process.state not in ALIVE:
            told.append(f"{name} is {process.state}" + (f" ({process.reason})" if process.reason else ""))
    told += [f"{name} of v{version} runs, but should not" for name, version in sorted(running.keys() - wanted)]
    return told
