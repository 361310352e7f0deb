"""Which host has a process of which the whole target has one at most?

Such a process stays where it is.  What a host is seen to run counts, beside what the ledger says; of one that cannot be
asked, whatever it may still run: nobody else starts it then.  How it moves is told in stages/moving.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from deployer.core import requests, strategy
from deployer.core.errors import RunFailed
from deployer.core.release import Spec
from deployer.stages import holders
from deployer.stages.events import WARNING, Event
from deployer.stages.target import Target
from deployer.stages.wanted import Move, Wanted

Seen = Mapping[str, Sequence[requests.Seen]]  # what each host of this command runs


def alone(spec: Spec) -> tuple[str, ...]:
    """The types of which the whole target has one process at most."""
    return tuple(kind.name for kind in spec.launch.processes if strategy.alone(kind))


def placed(target: Target, wanted: Wanted) -> Wanted:
    """`wanted`, with the host that has each such type, and those that have to give one up before.

    `RunFailed` where the host that has it is none of the target any more: nobody knows whether it still runs there.
    """
    kinds = wanted.alone
    if kinds is None:
        kinds = alone(target.spec(wanted.version))
    if not kinds:
        return replace(wanted, alone=(), placed={})
    looked = target.ask(lambda session: session.call(requests.Look(), requests.Looked)).all()
    seen = {host: told.processes for host, told in looked.items()}
    places = {kind: host for kind in kinds if (host := _place(target, kind, seen))}
    wanted = replace(wanted, alone=kinds, placed=places)
    starting = wanted.starting
    gone = [move for host in _gone(target) if (move := _gone_with(target, host, starting, seen))]
    _tell(target, {kind: places[kind] for kind in starting if kind in places})
    return replace(wanted, moves=_moves(target, starting, places, seen), gone=tuple(gone))


def runs_of(processes: Sequence[requests.Seen], kind: str) -> list[requests.Seen]:
    """Those of `processes` that are of `kind`, whatever they are at."""
    return [process for process in processes if process.process.rpartition(".")[0] == kind]


def _place(target: Target, kind: str, seen: Seen) -> str | None:
    """The host that has `kind`: the one that had it before, above all where it cannot be told to give it up."""
    ledger, known = target.ledger, _known(target)
    having = holders.having(ledger, kind)
    away = [host for host in [*having, *holders.doubtful(ledger, kind)] if host in known and host not in seen]
    if away:
        return away[0]
    able = [host for host in known if host in seen and kind in target.share(host, {kind: 1})]
    there = [host for host in seen if runs_of(seen[host], kind)]
    for having_it in (having, there, holders.resting(ledger, kind), able):
        if found := [host for host in able if host in having_it]:
            return found[0]
    return None


def _moves(target: Target, kinds: Sequence[str], places: Mapping[str, str], seen: Seen) -> tuple[Move, ...]:
    """What hosts have to give up: by the ledger, or as they are seen."""
    moves = []
    for host, processes in seen.items():
        others = [kind for kind in kinds if places.get(kind, host) != host]
        found = {kind: runs_of(processes, kind) for kind in others}
        leaving = tuple(kind for kind in others if found[kind] or host in holders.having(target.ledger, kind))
        if leaving:
            run = target.ledger.run_of(host)
            first = next((one.release for kind in leaving for one in found[kind]), 0)
            there = [one.process.rpartition(".")[0] for one in processes if one.release == first]
            share = run.on(host) if run else {kind: there.count(kind) for kind in there}
            moves.append(Move(host, leaving, run.release if run else first, share, stopped=bool(run and run.stopped)))
    return tuple(moves)


def _gone_with(target: Target, host: str, kinds: Sequence[str], seen: Seen) -> Move | None:
    """What a host has taken with it that is none of the target's now; `RunFailed` unless the user has allowed for that.

    A host that has another name now is not gone: it is seen to run what the ledger tells of the old name.
    """
    run = target.ledger.run_of(host)
    lost = tuple(kind for kind in kinds if host in holders.having(target.ledger, kind))
    if run is None or not lost:
        return None
    new = [name for name in seen if target.ledger.run_of(name) is None]
    renamed = any(one.release == run.release for name in new for kind in lost for one in runs_of(seen[name], kind))
    if not (renamed or target.forgiving):
        raise RunFailed(
            f"{lost[0]} may have one process in the whole target, and {host}, which is none of its hosts now, has it",
            hint=f"put {host} back into deploy.yaml, and take {lost[0]} from its `runs`; or, if it is gone for good,"
            " say --allow-missing",
        )
    return Move(host, lost, run.release, run.on(host))


def _gone(target: Target) -> list[str]:
    """The hosts that the ledger tells of, and that the target has no more."""
    return [
        host for host in dict.fromkeys(h for run in target.ledger.runs for h in run.hosts) if host not in _known(target)
    ]


def _known(target: Target) -> list[str]:
    return [host.host for host in target.settings.hosts] or [session.host.name for session in target.chosen]


def _tell(target: Target, places: Mapping[str, str]) -> None:
    for kind, host in places.items():
        if host in target.fleet.missing:
            told = f"{kind} may have one process in the whole target, and this host may have it: no other one starts it"
            target.report(Event(WARNING, told, host))
