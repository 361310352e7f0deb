"""How does another host come to have a process of which the whole target has one at most?

The host that has it gives it up, by a run of its own: before the ledger says so and the process has ended, no other
host starts it.  If that fails, the old host has it again, once the new one is known not to.  Where the operator is
killed in between, nobody has it until the next command: never are there two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from deployer.core import requests
from deployer.core.errors import DeployError, HostUnreachable, RunFailed
from deployer.core.ledger import MOVE, SUCCEEDED, Ledger
from deployer.hosts.session import Session
from deployer.stages import aftermath, holders
from deployer.stages.events import WARNING, Event, step
from deployer.stages.placing import runs_of
from deployer.stages.target import Target
from deployer.stages.wanted import Move, Wanted, record

BringUp = Callable[[Target, Wanted], object]
MARGIN, PAUSE = 15.0, 0.1  # seconds beyond `stop_timeout` in which a process has ended; between two looks
USUAL = 30.0


@contextmanager
def freed(target: Target, wanted: Wanted, bring_up: BringUp) -> Iterator[None]:
    """Have those hosts give up what another one is to start in this block; if that fails, they have it again."""
    for move in wanted.gone:
        _forget(target, move)
    before = target.ledger
    try:
        for move in wanted.moves:
            _give_up(target, wanted, move, bring_up)
        _outwait(target, wanted)
        yield
    except DeployError:
        if wanted.moves:
            _give_back(target, wanted, before, bring_up)
        raise


def _forget(target: Target, move: Move) -> None:
    """Write down that a host which is gone for good has it no more."""
    body = Wanted(move.release, move.rest, own=True)
    attempt = target.operator.token()
    record(target, body, attempt=attempt, cause=MOVE, outcome=SUCCEEDED, hosts={move.host: move.rest})


def _give_up(target: Target, wanted: Wanted, move: Move, bring_up: BringUp) -> None:
    places = wanted.placed or {}
    told = ", ".join(f"{kind} to {places[kind]}" for kind in move.kinds)
    with step(target.report, f"giving up {told}", move.host):
        bring_up(target.narrowed([move.host]), Wanted(move.release, move.rest, move.stopped, own=True))
        _await_end(target, move)


def _await_end(target: Target, move: Move) -> None:
    """Wait for processes that end with nobody waiting, since their release lets them (`drain`)."""
    session, deadline = target.fleet.named(move.host), 0.0
    while left := _left(session, move.kinds):
        if not deadline:
            deadline = (
                time.monotonic()
                + MARGIN
                + max(_patience(target, one.process.rpartition(".")[0], one.release) for one in left)
            )
        if time.monotonic() > deadline:
            raise RunFailed(
                f"{left[0].process} of v{left[0].release} still runs on {move.host}",
                hint="`deploy ps` tells when it has ended; then say it again",
            )
        time.sleep(PAUSE)


def _outwait(target: Target, wanted: Wanted) -> None:
    """Where a host is to have what none has: wait until one that is not asked has undone what was cut off there."""
    for kind in wanted.starting:
        place, here = (wanted.placed or {}).get(kind), [session.host.name for session in target.chosen]
        able = [host.host for host in target.settings.hosts if target.share(host.host, {kind: 1})]
        away = [host for host in able if host not in here]
        if away and place in here and not holders.having(target.ledger, kind):
            seconds = target.settings.confirm_timeout + _patience(target, kind, wanted.version)
            with step(target.report, f"waiting {seconds:g} s, in which {', '.join(away)} would end a {kind}", ""):
                time.sleep(seconds)


def _left(session: Session, kinds: Sequence[str]) -> list[requests.Seen]:
    processes = session.call(requests.Look(), requests.Looked).processes
    return [one for kind in kinds for one in runs_of(processes, kind)]


def _patience(target: Target, kind: str, version: int) -> float:
    """The `stop_timeout` of a type."""
    try:
        return target.spec(version).types[kind].stop_timeout
    except (DeployError, KeyError):  # its release is damaged: as long as most have
        return USUAL


def _give_back(target: Target, wanted: Wanted, before: Ledger, bring_up: BringUp) -> None:
    """Have the hosts run again what they gave up, if the one that was to have it is known to be as it was."""
    kinds = list(dict.fromkeys(kind for move in wanted.moves for kind in move.kinds))
    free = [kind for kind in kinds if _as_before(target, before, (wanted.placed or {})[kind], kind)]
    for move in wanted.moves:
        run, now = before.run_of(move.host), target.ledger.run_of(move.host)
        if run is None or now is None or now.cause != MOVE or now == run or set(move.kinds).isdisjoint(free):
            continue  # it went back by itself, or the run stands all the same
        share = {kind: n for kind, n in run.on(move.host).items() if kind not in move.kinds or kind in free}
        with suppress(DeployError):  # the failure that is told is the one of the run
            bring_up(target.narrowed([move.host]), Wanted(run.release, share, run.stopped, own=True))
    for kind in holders.homeless(target.ledger, kinds):
        target.report(Event(WARNING, f"no host has {kind} now; `deploy run` or `deploy converge` gives it to one"))


def _as_before(target: Target, before: Ledger, host: str, kind: str) -> bool:
    """Whether a host that was to have a process of `kind` has none that it had not `before`."""
    session = next((session for session in target.chosen if session.host.name == host), None)
    run = before.run_of(host)
    if session is None:  # nothing was asked of it
        return True
    if target.ledger.run_of(host) != run:
        return False
    try:
        seen: requests.Looked | None = session.call(requests.Look(), requests.Looked)
    except HostUnreachable:
        seen = aftermath.look_again(target, session)
    except DeployError:
        return False
    if seen is None or seen.pending:
        return False
    there = {one.release for one in runs_of(seen.processes, kind)}
    return there <= ({run.release} if run and holders.gives(run, host, kind) else set())
