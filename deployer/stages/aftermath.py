"""What if a run does not go well on every host?  Undo it everywhere, find out what serves where, and say so.

A host whose line was lost puts back by itself what it was not told to keep; one that was rebooted is made to.  It is
looked at again until that is known, or `confirm_timeout` has passed: what is not known then is told as unknown, never
as done or failed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from deployer.core import requests
from deployer.core.errors import DeployError, HostFailed, HostUnreachable, RunFailed, RunMixed
from deployer.core.history import LOST
from deployer.core.ledger import FAILED, MIXED, RESTORED, SUCCEEDED, Ledger, Record, Run
from deployer.hosts.session import Session
from deployer.stages import drift
from deployer.stages.target import Target, asked_open
from deployer.stages.wanted import HostOutcome, Wanted, record

MARGIN = 10.0  # seconds beyond confirm_timeout that a host may take to put back what served
AGAIN = 1.0  # seconds between two looks


def check_still_up(target: Target, wanted: Wanted, switched: Sequence[str], *, attempt: str, cause: str) -> None:
    """Go back, unless all that came up first on one host is still up when all of the others have come up, too."""

    def asked(session: Session) -> requests.Done:
        return session.call(requests.StillUp(attempt), requests.Done)

    failures = target.fleet.ask(asked, [target.fleet.named(host) for host in switched]).failures
    if failures:
        undo(target, wanted, switched, failures, attempt=attempt, cause=cause)


def confirm(
    target: Target, wanted: Wanted, switched: Mapping[str, requests.Switched], *, attempt: str, cause: str
) -> None:
    """Write the run that succeeded into the ledger, by which every host keeps it."""
    before = target.ledger
    try:
        lost = record(
            target,
            wanted,
            attempt=attempt,
            cause=cause,
            outcome=SUCCEEDED,
            times=_times(switched),
            written=lambda r: _was_written(target, r),
            then=[requests.Retire(), requests.Look()],  # what is asked next
        )
    except DeployError as error:
        hosts = [session.host.name for session in target.chosen]
        undo(target, wanted, hosts, {target.primary.host.name: error}, attempt=attempt, cause=cause)
    lost |= _restored(target, [host for host, error in lost.items() if not isinstance(error, HostUnreachable)])
    outcomes = _outcomes(target, before, lost, wanted.version)
    if not all(outcome.release == wanted.version for outcome in outcomes):
        raise RunMixed(
            f"v{wanted.version} runs, but not everywhere: {_told(lost)}",
            hint=f"`deploy run v{wanted.version}` brings it up there too",
            details={"hosts": _documents(outcomes), "outcome": MIXED},
        )


def _times(switched: Mapping[str, requests.Switched]) -> dict[str, Any]:
    """How long the slowest process of each type took to be up, to stop and to hand on its port, and where."""
    told: dict[str, Any] = {}
    for host, reply in switched.items():
        for what, known in (("ready", reply.ready), ("stop", reply.stop), ("gap", reply.gap)):
            for kind, seconds in known.items():
                slowest = told.setdefault(what, {}).setdefault(kind, {"host": host, "seconds": seconds})
                if seconds > slowest["seconds"]:
                    slowest.update(host=host, seconds=seconds)
    return told


def undo(
    target: Target,
    wanted: Wanted,
    switched: Sequence[str],
    failures: Mapping[str, DeployError],
    *,
    attempt: str,
    cause: str,
) -> NoReturn:
    """Put back what served before on every host that was switched; `RunFailed`, or `RunMixed` where that failed too."""
    lost = [host for host, error in failures.items() if isinstance(error, HostUnreachable)]
    errors = dict(failures)
    for host, error in _restored(target, [host for host in switched if host not in lost]).items():
        if host in failures:
            error.message = f"{failures[host].message}; {error.message}"
        errors[host] = error
    tried = bool(switched) or any(
        isinstance(error, (RunFailed, RunMixed, HostUnreachable)) for error in errors.values()
    )
    outcomes = _outcomes(target, target.ledger, errors, None)
    mixed = not all(outcome.before for outcome in outcomes)
    outcome = MIXED if mixed else RESTORED if tried and target.ledger.current is not None else FAILED
    worst = next((e for e in errors.values() if isinstance(e, RunMixed)), next(iter(failures.values())))
    kinds = [HostFailed.kind if "errno" in error.details else error.kind for error in errors.values()]
    failure = next((kind for kind in kinds if kind not in LOST), kinds[0])
    with suppress(DeployError):  # the primary is lost, or its disk is full: what served serves all the same
        record(target, wanted, attempt=attempt, cause=cause, outcome=outcome, error=worst.message, failure=failure)
    details = {**worst.details, "hosts": _documents(outcomes), "outcome": outcome}
    cls = RunMixed if mixed else RunFailed if tried else type(worst)
    message = _message(errors, worst)
    if mixed and not isinstance(worst, RunMixed):
        message += f"; {_otherwise(outcomes)}"
    elif cls is RunFailed and " serve" not in message:  # the agent of a host that failed to switch says it itself
        message += f"; {_serving(outcomes)}"
    hint = _hint(worst, mixed, wanted)
    if len(target.chosen) > 1:
        known = (*errors.items(), *failures.items())
        hint = _for_host(hint, next(host for host, error in known if error is worst))
    raise cls(message, hint=hint, output=worst.output, details=details) from worst


def deserted(target: Target, switched: Mapping[str, requests.Switched], begun: float) -> dict[str, DeployError]:
    """The hosts that have gone back by themselves while others switched, since `begun` (of the monotonic clock).

    None has before `confirm_timeout` is over: until then they need not be asked.
    """
    if time.monotonic() - begun < target.settings.confirm_timeout:
        return {}

    def waits(session: Session) -> None:
        if not session.call(requests.Look(), requests.Looked).pending:
            raise RunFailed(f"{session.host.name}: it heard nothing for too long, and went back by itself")

    changed = [session for session in target.chosen if switched[session.host.name].changed]
    return target.fleet.ask(waits, changed).failures


def _restored(target: Target, hosts: Sequence[str]) -> Mapping[str, DeployError]:
    """Have these hosts put back what served before; those that did not."""
    sessions = [session for session in target.chosen if session.host.name in hosts]
    return target.fleet.ask(lambda session: session.call(requests.Restore(), requests.Done), sessions).failures


def _told(errors: Mapping[str, DeployError]) -> str:
    return "; ".join(e.message if e.message.startswith(host) else f"{host}: {e.message}" for host, e in errors.items())


def _message(errors: Mapping[str, DeployError], worst: DeployError) -> str:
    failed = [host for host, error in errors.items() if error is not worst]
    return worst.message + (f" (and {len(failed)} more: {', '.join(failed)})" if failed else "")


def _otherwise(outcomes: Sequence[HostOutcome]) -> str:
    """What is said of the hosts that do not serve what they served before."""
    told = [f"{one.host}: {one.error}" for one in outcomes if not one.before]
    return f"not as before: {'; '.join(told)}"


def _serving(outcomes: Sequence[HostOutcome]) -> str:
    """What serves where nothing is otherwise than before, in the words of an agent."""
    releases = sorted({f"v{one.release}" if one.release else "nothing" for one in outcomes})
    if releases == ["nothing"]:
        return "nothing served before"
    return f"{' and '.join(releases)} serve{'s' if len(releases) == 1 else ''} again"


def _hint(worst: DeployError, mixed: bool, wanted: Wanted) -> str:  # noqa: FBT001
    if not mixed:
        return worst.hint
    first = f"{worst.hint}.  " if {"errno", "port_held"} & worst.details.keys() else ""
    return f"{first}`deploy status` tells what serves where; then `deploy run v{wanted.version}`"


def _for_host(hint: str, host: str) -> str:
    """What an agent says to type is for its own host; it knows of no others."""
    return hint.replace("`deploy logs ", f"`deploy logs --hosts {host} ")


def _outcomes(
    target: Target, before: Ledger, errors: Mapping[str, DeployError], wanted: int | None
) -> list[HostOutcome]:
    """How it ended on every host; those that were lost are looked at again, all at the same time."""
    told = target.ask(lambda session: _outcome(target, before, session, errors.get(session.host.name), wanted))
    return list(told.all().values())


def _outcome(
    target: Target, before: Ledger, session: Session, error: DeployError | None, wanted: int | None
) -> HostOutcome:
    """What serves on a host now: what it said, or for one that was lost, what it says when it is looked at again.

    That what served before serves again is looked at, too.
    """
    host = session.host.name
    run = before.run_of(host)
    previous = run.release if run else None
    if error is None and wanted is not None:
        return HostOutcome(host, wanted, ok=True, seconds=0)
    if not isinstance(error, HostUnreachable):
        differs = "" if wanted is not None or isinstance(error, RunMixed) else _differs(session, run)
        told = "; ".join(filter(None, [error.message if error else "", differs]))
        unchanged = not differs and not isinstance(error, RunMixed)
        return HostOutcome(host, previous if unchanged else None, ok=not told, seconds=0, error=told, before=unchanged)
    seen = look_again(target, session)
    if seen is None:
        return HostOutcome(host, None, ok=False, seconds=0, error=f"unknown: {error.message}")
    serves = int(seen.current[1:]) if seen.current[1:].isdigit() else None
    return HostOutcome(host, serves, ok=False, seconds=0, error=error.message, before=serves == previous)


def _differs(session: Session, run: Run | None) -> str:
    """What of a host is otherwise than the run that served before left it; '' where nothing is."""
    try:
        seen = session.call(requests.Look(), requests.Looked)
    except DeployError as error:
        return f"what serves there is unknown: {error.message}"
    return "; ".join(drift.misplaced(run, session.host.name, seen))


def look_again(target: Target, lost: Session) -> requests.Looked | None:
    """What a host says whose line was lost, once nothing is pending there; None where it says nothing in time.

    The lock is waited for: its agent of before is at it as long as it holds that.  Whoever takes it next cleans up.
    """
    deadline, who = time.monotonic() + target.settings.confirm_timeout + MARGIN, target.operator
    while (left := deadline - time.monotonic()) > 0:
        with suppress(DeployError), Session(lost.host, lost.host.start()) as session:
            session.open(asked_open(target.project, target.settings, lost.host))
            session.call(requests.Claim(left, who.who, "looking again", who.now()), requests.Claimed)
            seen = session.call(requests.Look(), requests.Looked)
            if not seen.pending:
                return seen
        time.sleep(AGAIN)
    return None


def _was_written(target: Target, record: Record) -> bool:
    """Whether the primary, whose answer was lost, had written the record down: only its ledger knows."""
    primary, deadline = target.primary.host, time.monotonic() + target.settings.confirm_timeout
    while time.monotonic() < deadline:
        with suppress(DeployError), Session(primary, primary.start()) as session:
            return session.open(asked_open(target.project, target.settings, primary)).head == record.digest
        time.sleep(AGAIN)
    return False


def _documents(outcomes: Sequence[HostOutcome]) -> list[dict[str, Any]]:
    return [{"host": o.host, "release": o.release, "ok": o.ok, "error": o.error} for o in outcomes]
