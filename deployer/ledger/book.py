"""How does the operator read a target's ledger and add to it?  Over the primary's session; the others get copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployer.core import requests
from deployer.core.errors import DeployError, Drift, HostUnreachable
from deployer.core.ledger import Ledger, Record
from deployer.hosts.fleet import Fleet
from deployer.hosts.session import Session


class Book:
    """A target's ledger: what the primary has, checked again here; a copy that is none of it is `Drift`."""

    def __init__(self, fleet: Fleet, primary: Session) -> None:
        self._fleet, self.primary = fleet, primary
        told = primary.call(requests.ReadLedger(), requests.LedgerLines)
        self.ledger = Ledger.read((line.encode() for line in told.lines), where=f"{primary.host.name}'s ledger")
        for session in self._copies():
            self._compare(session)

    def append(
        self, kind: str, body: Mapping[str, Any], *, written: Callable[[Record], bool] = lambda _: False
    ) -> dict[str, DeployError]:
        """Add a record: on the primary first, since its ledger is the one that counts.

        `written` is asked when the primary is lost before it answered: was the record written?  If not, this raises.
        Returns the hosts that did not answer or take their copy, and why: the record stands all the same.
        """
        record = self.ledger.next(kind, body)
        request = requests.Append([record.render().decode()])
        lost: dict[str, DeployError] = {}
        try:
            self.primary.call(request, requests.Done)
        except HostUnreachable as error:
            if not written(record):
                raise
            lost[self.primary.host.name] = error
        self.ledger = self.ledger.with_(record)
        return lost | self._fleet.ask(lambda session: session.call(request, requests.Done), self._copies()).failures

    def bring_up_to_date(self) -> None:
        """Give every copy the records that it has missed."""
        behind = [session for session in self._copies() if session.found.seq < self.ledger.head[0]]

        def send(session: Session) -> None:
            session.call(requests.Append(_lines(self.ledger.records[session.found.seq :])), requests.Done)

        self._fleet.ask(send, behind).all()

    def _copies(self) -> list[Session]:
        return [session for session in self._fleet.sessions if session is not self.primary]

    def _compare(self, copy: Session) -> None:
        found = copy.found.seq, copy.found.head
        if self.ledger.holds(found):
            return
        seq, head = self.ledger.head
        raise Drift(
            f"the ledger is forked: {copy.host.name} ends at record {found[0]} ({found[1][:12]}), "
            f"{self.primary.host.name}, whose ledger counts, at record {seq} ({head[:12]})",
            hint="`deploy ledger verify` shows where they part; `deploy ledger promote HOST` says which one counts",
            details={"heads": {copy.host.name: list(found), self.primary.host.name: [seq, head]}},
        )


def _lines(records: tuple[Record, ...]) -> list[str]:
    return [record.render().decode() for record in records]
