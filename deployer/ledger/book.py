"""How does the operator read a target's ledger and add to it?  Over the primary's session; the others get copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deployer.core import copies, requests
from deployer.core.copies import Copy
from deployer.core.errors import DeployError, Drift, HostUnreachable
from deployer.core.ledger import Ledger, Record
from deployer.hosts.fleet import Answers, Fleet
from deployer.hosts.session import Session

READ = requests.ReadLedger(raw=True)


class Book:
    """A target's ledger: what the primary has, checked again here; a copy that is none of it is `Drift`."""

    def __init__(self, fleet: Fleet, primary: Session) -> None:
        self._fleet, self.primary = fleet, primary
        self.ledger = _ledger(primary)
        if self._unlike():  # a writer may have added a record since: then the primary has it by now
            self.ledger = _ledger(primary)
        for session in self._unlike():
            raise forked(self.ledger, primary, session)

    def grown(self) -> bool:
        """Whether somebody has added a record since this was read, which is read now: who only looks holds no lock."""
        before, self.ledger = self.ledger.head, _ledger(self.primary)
        return self.ledger.head != before

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        written: Callable[[Record], bool] = lambda _: False,
        then: Sequence[Any] = (),
    ) -> dict[str, DeployError]:
        """Add a record: on the primary first, since its ledger is the one that counts.

        `written` is asked when the primary did not say that the record was written: was it?  If not, this raises.
        `then` are the requests that will be made next of every host (`Session.call`).
        Returns the hosts that did not answer or take their copy, and why: the record stands all the same.
        """
        record = self.ledger.next(kind, body)
        request = requests.Append([record.render().decode()])
        lost: dict[str, DeployError] = {}
        try:
            self.primary.call(request, requests.Done, then=then)
        except DeployError as error:
            if not written(record):
                raise
            if isinstance(error, HostUnreachable):
                lost[self.primary.host.name] = error
        self.ledger = self.ledger.with_(record)
        return (
            lost
            | self._fleet.ask(lambda session: session.call(request, requests.Done, then=then), self._copies()).failures
        )

    def bring_up_to_date(self) -> dict[str, int]:
        """Give every copy the records that it has missed; how many, for each host that had missed some."""
        behind = [session for session in self._copies() if session.found.seq < self.ledger.head[0]]

        def send(session: Session) -> int:
            missed = self.ledger.records[session.found.seq :]
            session.call(requests.Append(lines(missed)), requests.Done)
            return len(missed)

        return self._fleet.ask(send, behind).all()

    def _unlike(self) -> list[Session]:
        """The hosts whose copy is neither this ledger nor its beginning."""
        return [s for s in self._copies() if not self.ledger.holds((s.found.seq, s.found.head))]

    def _copies(self) -> list[Session]:
        return [session for session in self._fleet.sessions if session is not self.primary]


def _ledger(session: Session) -> Ledger:
    return Ledger.read(copy_of(session).lines, where=f"{session.host.name}'s ledger")


def copy_of(session: Session) -> Copy:
    """What a host has of the ledger, as it is."""
    told = session.call(READ, requests.LedgerLines)
    damage = session.found.damage
    return Copy([line.encode() for line in told.lines], damage.message if damage else "")


def copies_of(fleet: Fleet) -> Answers[Copy]:
    """What every host has of the ledger."""
    return fleet.ask(copy_of)


def lines(records: tuple[Record, ...]) -> list[str]:
    """Records as they travel."""
    return [record.render().decode() for record in records]


def forked(ledger: Ledger, primary: Session, session: Session) -> Drift:
    """The failure that says where a host's copy parts from the ledger that counts."""
    host, counting, copy = session.host.name, primary.host.name, copy_of(session)
    where = copies.standing(ledger, copy)
    seq, head = ledger.head
    ends = (
        f"{host} ends at record {copy.head[0]} ({copy.head[1][:12]}), "
        f"{counting}, whose ledger counts, at record {seq} ({head[:12]})"
    )
    if where.state == copies.AHEAD:
        what = "the ledger that counts is behind a copy of it"
        hint = f"`deploy ledger promote {counting}` takes the missing records over"
    else:
        what = f"the ledger is forked at record {where.at}"
        hint = f"`deploy ledger verify` shows it; `deploy ledger promote {counting} --set-aside` lets that one count"
    details = {"heads": {host: list(copy.head), counting: [seq, head]}}
    return Drift(f"{what}: {ends}", hint=hint, details=details)
