"""How does the operator read a target's ledger and add to it?  Over the primary's session; the others get copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.core import requests
from deployer.core.ledger import Ledger, Record
from deployer.hosts.fleet import Fleet


class Book:
    """A target's ledger: what the primary has, checked again here."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.ledger = self._read()

    def append(self, kind: str, body: Mapping[str, Any]) -> Record:
        """Add a record: on the primary first, since its ledger is the one that counts."""
        record = self.ledger.next(kind, body)
        request = requests.Append(record.render().decode())
        self._fleet.primary.call(request, requests.Done)
        self.ledger = self.ledger.with_(record)
        copies = self._fleet.sessions[1:]
        if copies:
            self._fleet.ask(lambda session: session.call(request, requests.Done), copies).all()
        return record

    def _read(self) -> Ledger:
        told = self._fleet.primary.call(requests.ReadLedger(), requests.LedgerLines)
        return Ledger.read((line.encode() for line in told.lines), where=f"{self._fleet.primary.host.name}'s ledger")
