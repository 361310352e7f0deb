"""The run stage: a release is brought up on the target's hosts, or what served before serves again.

look → release command once → switch, launch, check → the ledger's record, which confirms → end state read back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from deployer.core import formation, requests
from deployer.core.errors import DeployError, Drift, NotFound, ReleaseCommandFailed, RunFailed, RunMixed
from deployer.core.ledger import FAILED, MIXED, RESTORED, SUCCEEDED
from deployer.core.names import release_name
from deployer.core.release import Spec
from deployer.hosts.fleet import Answers
from deployer.stages import drift, upkeep
from deployer.stages.events import DONE, STEP, Event
from deployer.stages.target import Listener, Target

LAST_LINES = 20
DOING = {"stop": "stopping", "start": "starting", "scale": "scaling", "restart": "restarting"}


@dataclass(frozen=True)
class HostOutcome:
    """How the run ended on one host; `release` is what serves there now."""

    host: str
    release: int | None
    ok: bool
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class Ran:
    """A run that succeeded; `changed` is false where everything was so already."""

    release: int
    build: str
    outcome: str
    previous: int | None
    hosts: list[HostOutcome]
    changed: bool = True
    ports: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What is to run: a release with a formation, or (`stopped`) nothing; `restart` names what starts anew."""

    version: int
    formation: dict[str, int]
    stopped: bool = False
    restart: tuple[str, ...] = ()


def run(target: Target, version: int | None, *, cause: str = "run") -> Ran:
    """Bring release `version` (default: the newest) up; `RunFailed` when what served before serves again."""
    chosen = target.ledger.newest if version is None else version
    if chosen is None:
        raise NotFound("there is no release yet", hint="`deploy release` makes one, `deploy ship` runs it too")
    target.ledger.release(chosen)
    spec = target.primary.call(requests.ReadSpec(chosen), Spec)
    run_release_command(target, spec)
    ran = bring_up(target, Wanted(chosen, next_formation(target, spec)), cause=cause)
    if ran.changed:
        upkeep.tidy(target)
    return ran


def next_formation(target: Target, spec: Spec) -> dict[str, int]:
    """How many of each type a run of `spec` has: as declared, or as they were scaled since."""
    running = target.ledger.current_run
    if running is None or running.release == spec.version:
        return dict(running.formation) if running else dict(spec.formation)
    try:
        before = target.primary.call(requests.ReadSpec(running.release), Spec).formation
    except DeployError:  # what ran before is gone or damaged: the new release's own word is all there is
        before = {}
    return formation.next_formation(spec.formation, before, running.formation)


def run_release_command(target: Target, spec: Spec) -> None:
    """Run the release command once, on the primary; its failure leaves everything as it was."""
    if not spec.launch.release_command:
        return
    name = release_name(spec.version)
    last: list[str] = []
    hear = Listener(_keeping(target, last), target.primary)
    target.report(Event(STEP, f"release command of {name}"))
    try:
        ended = target.primary.call(requests.RunReleaseCommand(spec.version), requests.Ended, heard=hear)
    finally:
        hear.end()
    if ended.code == 0:
        target.report(Event(DONE, f"release command of {name}" + (" (done before)" if ended.skipped else "")))
        return
    message = f"the release command of {name} ended with code {ended.code}; nothing was switched"
    wanted = Wanted(spec.version, dict(spec.formation))
    _record(target, wanted, attempt=target.operator.token(), cause="run", outcome=FAILED, error=message)
    raise ReleaseCommandFailed(message, hint=f"mend it and `deploy ship`, or try {name} again", output="\n".join(last))


def bring_up(target: Target, wanted: Wanted, *, cause: str) -> Ran:
    """Switch every host to `wanted`; confirm by the ledger's record; read the end state back."""
    name = release_name(wanted.version)
    release = target.ledger.release(wanted.version)
    previous = target.ledger.current
    attempt = target.operator.token()
    request = requests.Switch(
        attempt=attempt,
        version=wanted.version,
        formation=wanted.formation,
        stopped=wanted.stopped,
        restart=list(wanted.restart),
        cause=cause,
        by=target.operator.who,
        at=target.operator.now(),
    )
    step = f"{DOING.get(cause, 'running')} {name}"
    target.report(Event(STEP, step))
    answers = target.fleet.ask(lambda session: session.call(request, requests.Switched))
    if answers.failures:
        _fail(target, wanted, answers, attempt=attempt, cause=cause)
    changed = any(switched.changed for switched in answers.replies.values())
    if changed:
        _record(target, wanted, attempt=attempt, cause=cause, outcome=SUCCEEDED)
    read_back(target)
    target.report(Event(DONE, step))
    hosts = [HostOutcome(h, wanted.version, ok=True, seconds=s.seconds) for h, s in answers.replies.items()]
    ports = next(iter(answers.replies.values())).ports
    return Ran(wanted.version, release.build, SUCCEEDED, previous, hosts, changed, ports)


def read_back(target: Target) -> None:
    """`Drift` unless every host is what the ledger says: exit code 0 is given for that alone (design, rule 4)."""
    looked = target.fleet.ask(lambda session: session.call(requests.Look(), requests.Looked)).all()
    differing = {host: found for host, seen in looked.items() if (found := drift.found(target.ledger, seen))}
    if differing:
        told = "; ".join(f"{host}: {', '.join(found)}" for host, found in differing.items())
        raise Drift(
            f"the end state is not what was asked for: {told}",
            hint=f"`deploy status` shows it; `deploy run v{target.ledger.current}` mends it",
            details={"hosts": [{"host": host, "drift": found} for host, found in differing.items()]},
        )


def _fail(target: Target, wanted: Wanted, answers: Answers[requests.Switched], *, attempt: str, cause: str) -> None:
    switched = [s for s in target.fleet.sessions if s.host.name in answers.replies]
    undone = target.fleet.ask(lambda session: session.call(requests.Restore(), requests.Done), switched)
    previous = target.ledger.current
    errors = list(answers.failures.values())
    error = next((e for e in errors if isinstance(e, RunMixed)), errors[0])
    tried = bool(switched) or any(isinstance(e, RunFailed) for e in errors)
    outcome = MIXED if isinstance(error, RunMixed) or undone.failures else RESTORED if tried else FAILED
    _record(target, wanted, attempt=attempt, cause=cause, outcome=outcome, error=error.message)
    failures = {**undone.failures, **answers.failures}
    error.details["hosts"] = [
        {"host": s.host.name, "release": previous, "ok": False, "error": failures[s.host.name].message}
        if s.host.name in failures
        else {"host": s.host.name, "release": previous, "ok": True, "error": ""}
        for s in target.fleet.sessions
    ]
    error.details["outcome"] = outcome
    if outcome == MIXED and not isinstance(error, RunMixed):
        raise RunMixed(error.message, hint=error.hint, output=error.output, details=error.details) from error
    raise error


def _record(target: Target, wanted: Wanted, *, attempt: str, cause: str, outcome: str, error: str = "") -> None:
    body = {
        "release": wanted.version,
        "cause": cause,
        "outcome": outcome,
        "previous": target.ledger.current,
        "formation": wanted.formation,
        "stopped": wanted.stopped,
        "by": target.operator.who,
        "at": target.operator.now(),
        "attempt": attempt,
        "error": error,
    }
    target.book.append("run", body)


def _keeping(target: Target, last: list[str]) -> Callable[[Event], None]:
    def report(event: Event) -> None:
        last.append(event.text)
        del last[:-LAST_LINES]
        target.report(event)

    return report
