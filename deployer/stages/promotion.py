"""How does another host's copy of the ledger come to be the one that counts?

plan (what would be done, refused where records would be lost) → every host's lock → what the host had missed, from a
host that goes on from its copy → the record of the promotion → the same to all others.  No record is ever removed: a
history that does not count is set aside on its host, and only if that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.core import copies, requests
from deployer.core.errors import DeployError, Drift, NotFound, TargetLocked, UsageError
from deployer.core.ledger import Ledger
from deployer.hosts.session import Session
from deployer.ledger.book import copies_of, lines
from deployer.stages.events import Report
from deployer.stages.ledgers import Ledgers
from deployer.stages.target import claim, claim_copies, claiming


@dataclass(frozen=True)
class Plan:
    """What a promotion of `host` would do.

    `ledger` is the one that will count, as `source` has it; `missed` are the records that each host's sound copy
    lacks; `aside` are the hosts whose records are another history.  `needed` is false where all of it is so already.
    """

    host: str
    previous: str
    source: str
    ledger: Ledger
    missed: Mapping[str, int]
    aside: tuple[str, ...]
    left_out: Mapping[str, DeployError]

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.host != self.previous or bool(self.aside) or any(self.missed.values())


@dataclass(frozen=True)
class Promoted:
    """What was done: `folders` are where the other histories are now, on their hosts."""

    plan: Plan
    folders: Mapping[str, str] = field(default_factory=dict)


def planned(ledgers: Ledgers, host: str, *, set_aside: bool) -> Plan:
    """What a promotion of `host` does; a `DeployError` where it must not be done."""
    _check_known(ledgers, host)
    source = copies.longest(ledgers.copies, host)
    ledger = ledgers.of(source)
    if not ledger.records:
        raise NotFound(f"{host} has no copy of the ledger", hint="promote a host that has: `deploy ledger verify`")
    standing = {name: copies.standing(ledger, copy) for name, copy in ledgers.copies.items()}
    others = tuple(name for name, where in standing.items() if not where.fits)
    if others and not set_aside:
        raise _not_of_one_history(ledgers, host, ledger, others)
    missed = {name: ledger.head[0] - where.records for name, where in standing.items() if where.fits}
    return Plan(host, ledgers.counts, source, ledger, missed, others, dict(ledgers.fleet.missing))


def promote(ledgers: Ledgers, plan: Plan, *, command: str, wait: float, report: Report) -> Promoted:
    """Do it; every host that can be reached has the same ledger when this returns."""
    fleet, operator = ledgers.fleet, ledgers.project.operator
    first, asked = fleet.named(plan.source), claiming(operator, command, wait)
    key = claim(first, asked, report)
    claim_copies(fleet, first, asked, key, report, tidy=False)
    if copies_of(fleet).all() != ledgers.copies:
        raise TargetLocked("the ledger was added to meanwhile", hint="run the command again")
    body: dict[str, object] = {"host": plan.host, "by": operator.who, "at": operator.now()}
    if plan.aside:  # a number that the other history has used is never used again
        body["above"] = max(copies.highest_release(ledgers.copies[name]) for name in plan.aside)
    grown = plan.ledger.with_(plan.ledger.next("primary", body))
    promoted = fleet.named(plan.host)
    folders = {plan.host: _bring(plan, grown, promoted)}
    others = [session for session in fleet.sessions if session is not promoted]
    folders |= fleet.ask(lambda session: _bring(plan, grown, session), others).all()
    _read_back(ledgers, grown)
    return Promoted(plan, {host: folder for host, folder in folders.items() if folder})


def _check_known(ledgers: Ledgers, host: str) -> None:
    names = [known.host for known in ledgers.settings.hosts]
    if ledgers.settings.is_local:
        raise UsageError("the target `local` is this machine: there is no other ledger", hint="")
    if host not in names:
        raise UsageError(
            f"the target {ledgers.settings.name!r} has no host {host!r}", hint=f"it has: {', '.join(names)}"
        )
    if damage := ledgers.fleet.named(host).found.damage:
        raise Drift(f"{host}: {damage.message}", hint="promote a host whose copy is whole: `deploy ledger verify`")


def _bring(plan: Plan, grown: Ledger, session: Session) -> str:
    """Have `grown` on one host; the folder of what was set aside there."""
    host = session.host.name
    if host in plan.aside:
        return session.call(requests.ReplaceLedger(lines(grown.records)), requests.SetAside).folder
    had = plan.ledger.head[0] - plan.missed[host]
    session.call(requests.Append(lines(grown.records[had:])), requests.Done)
    return ""


def _read_back(ledgers: Ledgers, grown: Ledger) -> None:
    for host, copy in copies_of(ledgers.fleet).all().items():
        if list(copy.lines) != [record.render() for record in grown.records]:
            raise Drift(f"{host}: its ledger is not the one that was written", hint="run the command again")


def _not_of_one_history(ledgers: Ledgers, host: str, ledger: Ledger, others: tuple[str, ...]) -> Drift:
    """The refusal that shows both heads."""
    heads = {name: ledgers.copies[name].head for name in others}
    seq, head = ledger.head
    ends = "; ".join(f"{name} ends at record {at} ({digest[:12]})" for name, (at, digest) in heads.items())
    return Drift(
        f"{ends}; {host}'s ledger, at record {seq} ({head[:12]}), does not go on from that",
        hint=f"`deploy ledger verify` shows where they part; `deploy ledger promote {host} --set-aside` lets {host}'s "
        f"count, and keeps the other as a folder {', '.join(others)} has beside it",
        details={"heads": {host: [seq, head], **{name: list(ends) for name, ends in heads.items()}}},
    )
