"""The run stage: a release is brought up on the target's hosts, or what served before serves again.

look → stage what is missing (a barrier) → release command once → batch by batch: prepare and rehearse (a barrier),
switch, launch, check → the ledger's record, which confirms → end state read back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deployer.core import formation, requests, rollout
from deployer.core.errors import DeployError, Drift, HostFailed, NotFound, ReleaseCommandFailed, RunFailed
from deployer.core.ledger import FAILED, MOVE, SUCCEEDED
from deployer.core.names import release_name
from deployer.core.release import Spec
from deployer.hosts.session import Session
from deployer.stages import addresses, aftermath, balancing, drift, file_times, gap, moving, placing, upkeep
from deployer.stages.diagnosis import advised
from deployer.stages.events import DONE, STEP, WARNING, Event, step
from deployer.stages.listener import Listener
from deployer.stages.staging import stage_missing
from deployer.stages.starting import check_starts
from deployer.stages.target import Target
from deployer.stages.wanted import HostOutcome, Wanted, record

LAST_LINES = 20
KILLED = "did not stop within its stop_timeout and was killed"
DOING = {"stop": "stopping", "start": "starting", "scale": "scaling", "restart": "restarting", MOVE: "moving"}


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
    urls: tuple[str, ...] = ()


def run(target: Target, version: int | None, *, cause: str = "run", tidy: bool = True) -> Ran:
    """Bring release `version` (default: the newest) up; `RunFailed` when what served before serves again."""
    chosen = target.ledger.newest if version is None else version
    if chosen is None:
        raise NotFound("there is no release yet", hint="`deploy release` makes one, `deploy ship` runs it too")
    target.ledger.release(chosen)
    running = target.ledger.current
    then = [requests.ReadSpec(running)] if running and running != chosen else []  # for `next_formation`
    spec = target.spec(chosen, then=then)
    check_starts(spec.launch)
    stage_missing(target, spec)
    alone = placing.alone(spec)
    counts = {kind: min(n, 1) if kind in alone else n for kind, n in next_formation(target, spec).items()}
    wanted = placing.placed(target, Wanted(chosen, counts, alone=alone))
    run_release_command(target, spec)
    ran = bring_up(target, wanted, cause=cause)
    if ran.changed and tidy:
        upkeep.tidy(target)
    return ran


def next_formation(target: Target, spec: Spec) -> dict[str, int]:
    """How many of each type a run of `spec` has: as declared, or as they were scaled since."""
    running = target.ledger.current_run
    if running is None or running.release == spec.version:
        return dict(running.formation) if running else dict(spec.formation)
    try:
        before = target.spec(running.release).formation
    except DeployError:  # what ran before is gone or damaged: the new release's own word is all there is
        before = {}
    return formation.next_formation(spec.formation, before, running.formation)


def run_release_command(target: Target, spec: Spec) -> None:
    """Run the release command once, on the primary; its failure leaves everything as it was.

    A release that ran well has had it run, perhaps on another primary.
    """
    if not spec.launch.release_command or target.ledger.succeeded(spec.version):
        return
    name = release_name(spec.version)
    last: list[str] = []
    hear = Listener(_keeping(target, last), target.primary)
    target.report(Event(STEP, f"release command of {name}"))
    try:
        asked = requests.RunReleaseCommand(spec.version, target.settings.release_timeout)
        ended = target.primary.call(asked, requests.Ended, heard=hear)
    finally:
        hear.end()
    if ended.code == 0 and not ended.overdue:
        target.report(Event(DONE, f"release command of {name}" + (" (done before)" if ended.skipped else "")))
        return
    message = f"the release command of {name} {_how(target, ended)}; nothing was switched"
    wanted, kind = Wanted(spec.version, dict(spec.formation)), ReleaseCommandFailed.kind
    attempt = target.operator.token()
    record(target, wanted, attempt=attempt, cause="run", outcome=FAILED, error=message, failure=kind)
    with advised(target, spec.version):
        hint = f"fix it and `deploy ship`, or `deploy run {name}` again"
        raise ReleaseCommandFailed(message, hint=hint, output="\n".join(last))


def _how(target: Target, ended: requests.Ended) -> str:
    if ended.overdue:
        return f"did not end within {target.settings.release_timeout:g} s (`release_timeout`) and was ended"
    return f"ended with code {ended.code}"


def bring_up(target: Target, wanted: Wanted, *, cause: str) -> Ran:
    """Switch every host to `wanted`; what the whole target has once goes to another host before that."""
    wanted = placing.placed(target, wanted) if wanted.placed is None else wanted
    with (
        advised(target, wanted.version),
        moving.freed(target, wanted, lambda narrowed, own: _bring_up(narrowed, own, cause=MOVE)),
    ):
        return _bring_up(target, wanted, cause=cause)


def _bring_up(target: Target, wanted: Wanted, *, cause: str) -> Ran:
    """Switch every host to `wanted`; confirm by the ledger's record; read the end state back."""
    release, previous = target.ledger.release(wanted.version), target.ledger.current
    attempt = target.operator.token()
    gap.tell(target, wanted)
    with balancing.followed(target, wanted, attempt=attempt) as front:
        switched = _switch(target, wanted, attempt=attempt, cause=cause)
        moved = front is not None and _widened(front, switched, cause=cause)
        changed = moved or any(reply.changed for reply in switched.values()) or not _recorded(target, wanted)
        if changed:
            if front is not None or len(switched) > 1:  # a single host has just said so
                aftermath.check_still_up(target, wanted, list(switched), attempt=attempt, cause=cause)
            aftermath.confirm(target, wanted, switched, attempt=attempt, cause=cause)
    if changed:
        _retire(target)
    read_back(target)
    hosts = [HostOutcome(host, wanted.version, ok=True, seconds=reply.seconds) for host, reply in switched.items()]
    ports = next(iter(switched.values())).ports
    urls = addresses.urls(target, wanted, switched)
    return Ran(wanted.version, release.build, SUCCEEDED, previous, hosts, changed, ports, urls)


def _widened(front: balancing.Front, switched: Mapping[str, requests.Switched], *, cause: str) -> bool:
    """Have the router in front of all hosts send requests to what is up now; whether that is anything new."""
    try:
        return front.widen(switched)
    except DeployError as error:
        failures = {front.session.host.name: error}
        aftermath.undo(front.target, front.wanted, list(switched), failures, attempt=front.attempt, cause=cause)


def _retire(target: Target) -> None:
    """Have the old processes told to stop that still run; a host that does not answer does so by itself."""

    def retire(session: Session) -> requests.Done:
        return session.call(requests.Retire(), requests.Done, then=[requests.Look()])

    for host, error in target.ask(retire).failures.items():
        target.report(Event(WARNING, f"old processes may still run: {error.message}", host))


def _recorded(target: Target, wanted: Wanted) -> bool:
    """Whether the ledger says all of it already: of every host, and of the target."""
    for host in (session.host.name for session in target.chosen):
        run = target.ledger.run_of(host)
        if run is None or (run.release, run.on(host), run.stopped) != (
            wanted.version,
            wanted.share(target, host),
            wanted.stopped,
        ):
            return False
    run = target.ledger.current_run
    told = run and (run.release, dict(run.formation), run.stopped)
    return not target.whole or told == (wanted.version, wanted.formation, wanted.stopped)


def read_back(target: Target) -> None:
    """`Drift` unless every host is what the ledger says: exit code 0 is given for that alone (design, rule 4)."""
    answers = target.ask(lambda session: session.call(requests.Look(), requests.Looked))
    for error in answers.failures.values():
        if isinstance(error, HostFailed):
            error.message = f"v{target.ledger.current} is what the ledger says; what runs is unknown: {error.message}"
    looked = answers.all()
    for host, seen in looked.items():
        for risk in drift.risks(seen):
            target.report(Event(WARNING, risk, host))
    found = {host: drift.found(target.ledger, host, seen, whole=target.whole) for host, seen in looked.items()}
    differing = {host: told for host, told in found.items() if told}
    if differing:
        told = "; ".join(f"{host}: {', '.join(found)}" for host, found in differing.items())
        raise Drift(
            f"the end state is not what was asked for: {told}",
            hint=f"`deploy status` shows it; `deploy run v{target.ledger.current}` fixes it",
            details={"hosts": [{"host": host, "ok": False, "drift": found} for host, found in differing.items()]},
        )


def _switch(target: Target, wanted: Wanted, *, attempt: str, cause: str) -> dict[str, requests.Switched]:
    """Switch the hosts, one batch after the other; a failure puts back all that were switched, and is raised."""
    name = release_name(wanted.version)
    alone = [requests.Switch(attempt)] if len(target.chosen) == 1 else []
    times = file_times.agreed(target, wanted)

    def prepare(session: Session) -> requests.Done:
        request = _request(target, session, wanted, attempt, cause, times=times)
        return session.call(request, requests.Done, heard=Listener(target.report, session), then=alone)

    def get_ready(session: Session) -> requests.Done:
        with step(target.report, f"preparing {name}", session.host.name):
            return prepare(session)

    def switch(session: Session) -> requests.Switched:
        with step(target.report, f"{DOING.get(cause, 'running')} {name}", session.host.name):
            if alone:
                prepare(session)
            reply = session.call(requests.Switch(attempt), requests.Switched, heard=Listener(target.report, session))
        for process in reply.killed:
            target.report(Event(WARNING, f"{process} {KILLED}", session.host.name))
        return reply

    def undo(switched: Iterable[str], failures: Mapping[str, DeployError]) -> None:
        if failures:
            aftermath.undo(target, wanted, list(switched), failures, attempt=attempt, cause=cause)

    done: dict[str, requests.Switched] = {}
    begun = time.monotonic()
    for batch in _batches(target):
        undo(done, _after_pause(target, wanted, list(done)) if done else {})
        if not alone:
            ready = target.fleet.ask(get_ready, batch)
            undo([*done, *ready.replies], ready.failures)
        answers = target.fleet.ask(switch, batch)
        done.update(answers.replies)
        undo(done, answers.failures)
    undo(done, aftermath.deserted(target, done, begun))
    return done


def _request(
    target: Target, session: Session, wanted: Wanted, attempt: str, cause: str, *, times: list[int]
) -> requests.Prepare:
    return requests.Prepare(
        attempt=attempt,
        version=wanted.version,
        formation=wanted.share(target, session.host.name),
        stopped=wanted.stopped,
        restart=list(wanted.restart),
        cause=cause,
        by=target.operator.who,
        at=target.operator.now(),
        times=times,
    )


def _batches(target: Target) -> list[list[Session]]:
    hosts, batches = target.chosen, []
    for size in rollout.batches(len(hosts), target.settings.rollout.batch):
        batches.append(hosts[:size])
        hosts = hosts[size:]
    return batches


def _after_pause(target: Target, wanted: Wanted, switched: Sequence[str]) -> Mapping[str, DeployError]:
    """Wait between two batches; which of the hosts that were switched before are not well after it?"""
    if not target.settings.rollout.pause:
        return {}
    watching = f"watching {', '.join(switched)} for {target.settings.rollout.pause:g} s"
    target.report(Event(STEP, watching))
    time.sleep(target.settings.rollout.pause)
    target.report(Event(DONE, watching))

    def well(session: Session) -> None:
        seen = session.call(requests.Look(), requests.Looked)
        for process in seen.processes:
            if process.release == wanted.version and process.state not in drift.ALIVE:
                why = f" ({process.reason})" if process.reason else ""
                raise RunFailed(f"{process.process} of v{wanted.version} is {process.state}{why}")

    return target.fleet.ask(well, [target.fleet.named(host) for host in switched]).failures


def _keeping(target: Target, last: list[str]) -> Callable[[Event], None]:
    def report(event: Event) -> None:
        last.append(event.text)
        del last[:-LAST_LINES]
        target.report(event)

    return report
