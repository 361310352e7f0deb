"""The formation of the release that runs: scale, restart, stop, start.  Each is a run, and so in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.core import formation as rules
from deployer.core.errors import NotFound, UsageError
from deployer.core.ledger import Run
from deployer.core.names import process_name
from deployer.stages import intents, placing
from deployer.stages.run import Ran, bring_up
from deployer.stages.target import Target
from deployer.stages.wanted import Wanted

SCALE = "scale"


def current(target: Target) -> Run:
    """The run that is current; `NotFound` where nothing was ever brought up."""
    run = target.ledger.current_run
    if run is None:
        raise NotFound("nothing runs here yet", hint="`deploy ship` builds, releases and runs HEAD")
    return run


def running(target: Target) -> Run:
    """The run that is current, if all hosts of this command serve its release; `UsageError` where one does not."""
    run = current(target)
    for session in target.chosen:
        here = target.ledger.run_of(session.host.name)
        if here is None or here.release != run.release:
            raise UsageError(
                f"{session.host.name} serves {f'v{here.release}' if here else 'nothing'}, the target v{run.release}",
                hint=f"`deploy run v{run.release}` brings all hosts together; `deploy converge` those that missed it",
            )
    return run


def scale(target: Target, changes: Sequence[str]) -> Ran:
    """Change how many processes of each type run (`web=3`, `worker+1`)."""
    run = running(target)
    counts = rules.scaled(run.formation, changes)
    if is_relative(changes) and intents.begin(target, " ".join(["scale", *changes]), cause=SCALE).reached:
        counts = dict(run.formation)  # it was cut off after it had been confirmed
    alone = placing.alone(target.spec(run.release))
    for kind in alone:
        if counts.get(kind, 0) > 1:
            raise UsageError(
                f"{kind} may have one process in the whole target, not {counts[kind]}",
                hint=f"`once` or `schedule` of processes.{kind} in deploy.yaml says so; say {kind}=0 or {kind}=1",
            )
    return bring_up(target, Wanted(run.release, counts, run.stopped, alone=alone), cause=SCALE)


def is_relative(changes: Sequence[str]) -> bool:
    """Whether one of these changes depends on how many processes there are."""
    return any("=" not in change for change in changes)


def restart(target: Target, chosen: Sequence[str]) -> Ran:
    """Start processes anew, one after the other: all, or those that `web` or `web.1` names."""
    run = running(target)
    if run.stopped:
        raise UsageError("everything is stopped", hint="`deploy start` starts it")
    processes = rules.expand(run.release, run.formation, rules.Places())
    names: list[str] = []
    for text in chosen:
        named = process_name(text)
        if named is None:
            raise UsageError(f"{text!r} is no process", hint="say `web` or `web.1`")
        names += [process.name for process in rules.selected(processes, *named)]
    wanted = Wanted(run.release, dict(run.formation), restart=tuple(names) if chosen else ("*",))
    return bring_up(target, wanted, cause="restart")


def stop(target: Target) -> Ran:
    """End every process; the formation stays as it is for `start`."""
    run = running(target)
    return bring_up(target, Wanted(run.release, dict(run.formation), stopped=True), cause="stop")


def start(target: Target) -> Ran:
    """Bring the formation up again."""
    run = running(target)
    return bring_up(target, Wanted(run.release, dict(run.formation)), cause="start")
