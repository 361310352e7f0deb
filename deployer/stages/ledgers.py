"""What does every host have of the target's ledger, sound or not?  Nothing is refused here: this is how one looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from deployer import settings as settings_
from deployer.core import copies
from deployer.core.copies import Copy, Standing
from deployer.core.errors import NotFound
from deployer.core.ledger import Ledger
from deployer.hosts.fleet import Fleet
from deployer.ledger.book import copies_of
from deployer.settings import TargetSettings
from deployer.stages.project import Project
from deployer.stages.target import counting, reached


@dataclass(frozen=True)
class Ledgers:
    """The ledgers of a target's hosts; `counts` is the host whose ledger does, whether it can be reached or not."""

    project: Project
    settings: TargetSettings
    fleet: Fleet
    counts: str
    copies: Mapping[str, Copy]

    @property
    def reference(self) -> str:
        """The host to compare the others with: whose ledger counts, or where it has none, the longest sound copy."""
        sound = [host for host, copy in self.copies.items() if not copy.damage]
        if not sound:
            raise NotFound(
                "no host has a ledger that can be read", hint="`deploy -v ledger show` says what is wrong with it"
            )
        return self.counts if self.counts in sound else max(sound, key=lambda host: len(self.copies[host].lines))

    def of(self, host: str) -> Ledger:
        """The ledger of a host whose copy is sound."""
        return Ledger.read(self.copies[host].lines, where=f"{host}'s ledger")


@contextmanager
def looked_at(project: Project, name: str | None) -> Iterator[Ledgers]:
    """The ledgers of all hosts of the target `name` that can be reached."""
    target = settings_.target(project.settings, name)
    with reached(project, target) as fleet:
        yield Ledgers(project, target, fleet, counting(target, fleet), copies_of(fleet).all())


def standings(ledgers: Ledgers) -> dict[str, Standing]:
    """How each host's copy stands to the reference."""
    counting_one = ledgers.of(ledgers.reference)
    return {host: copies.standing(counting_one, copy) for host, copy in ledgers.copies.items()}
