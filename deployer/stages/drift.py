"""What differs between what the ledger says, what `current` names, what runs, and where requests are sent?"""

from __future__ import annotations

from deployer.core import requests
from deployer.core.ledger import MOVE, Ledger, Run
from deployer.core.requests import DRAINING, FAILING, Looked, RouterSeen
from deployer.hosts.session import Session
from deployer.stages import holders

ALIVE = ("up", "starting", "scheduled")
ENDING = ("crashed", FAILING)  # launched as it should be: what ends it is its own


def looked(session: Session) -> tuple[Looked, RouterSeen]:
    """What a host says of itself, and what its router has; in one round trip."""
    seen = session.call(requests.Look(), Looked, then=[requests.ShowRouter()])
    return seen, session.call(requests.ShowRouter(), RouterSeen)


def of_router(router: RouterSeen) -> list[str]:
    """What is wrong with a host's router, in words; nothing where it has what it was told."""
    return [f"its router: {router.drift}"] if router.drift else []


def risks(seen: Looked) -> list[str]:
    """Why the next crash of a process would not be survived there; nothing where it would."""
    return [f"the next crash would not be survived: {risk}" for risk in seen.risks]


def ending(ledger: Ledger, host: str, seen: Looked) -> list[str]:
    """The processes that should run and end by themselves, each of them one difference of `found`."""
    run = ledger.run_of(host)
    wanted = {(name, run.release) for name in run.processes(host)} if run else set()
    return [one.process for one in seen.processes if one.state in ENDING and (one.process, one.release) in wanted]


def misplaced(run: Run | None, host: str, seen: Looked) -> list[str]:
    """What of a host is not where `run` left it, however its processes fare; nothing where all is.

    A host of which the ledger knows no run may have had another name before: what it has is its own then.
    """
    told = [f"a run of {seen.pending} is not undone yet"] if seen.pending else []
    if run is None:
        return told
    if seen.current != f"v{run.release}":
        told.append(f"`current` names {seen.current or 'nothing'}")
    wanted = {(name, run.release) for name in run.processes(host)}
    there = {(one.process, one.release) for one in seen.processes if one.state != DRAINING}
    told += [f"{name} of v{version} does not run" for name, version in sorted(wanted - there)]
    return told + [f"{name} of v{version} runs" for name, version in sorted(there - wanted)]


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
