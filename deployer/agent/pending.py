"""Which switch is not confirmed yet?  `run/pending`: what served before, what was to serve, whose attempt it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from deployer.agent import durable
from deployer.agent.layout import Layout
from deployer.core import wire
from deployer.core.errors import Drift
from deployer.core.formation import Process, expand
from deployer.core.ledger import Ledger


@dataclass(frozen=True)
class State:
    """What runs, or should: a release with its formation, or (`stopped`) nothing of it."""

    version: int
    formation: dict[str, int]
    stopped: bool

    def processes(self, ports: dict[str, int]) -> list[Process]:
        """The processes of this state."""
        return [] if self.stopped else expand(self.version, self.formation, ports)


@dataclass(frozen=True)
class Pending:
    """An unconfirmed switch."""

    attempt: str
    before: Optional[State]
    after: State
    cause: str
    by: str
    at: str
    ports: dict[str, int]
    host: str


def confirmed(files: Layout, ledger: Ledger) -> Optional[State]:
    """The state that the ledger says is confirmed: that of the newest run for this host that succeeded."""
    host = name(files)
    run = ledger.run_of(host)
    return State(run.release, run.on(host), run.stopped) if run else None


def name(files: Layout) -> str:
    """What the ledger calls this host; '' before the first session that wrote."""
    try:
        return (files.run / "host").read_text()
    except FileNotFoundError:
        return ""


def keep_name(files: Layout, host: str) -> None:
    """Remember what the ledger calls this host, from a confirmed run on."""
    if host != name(files):
        durable.write(files.run / "host", host.encode(), name="host")


def read(files: Layout) -> Optional[Pending]:
    """The pending switch, or None."""
    try:
        return wire.decode(Pending, json.loads((files.run / "pending").read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(files.run / "pending") from error


def write(files: Layout, pending: Pending) -> None:
    """From here on the switch is to be confirmed or undone."""
    durable.write(files.run / "pending", wire.dump(wire.encode(pending)), mode=0o600, name="pending")


def forget(files: Layout) -> None:
    """The switch is confirmed or undone."""
    durable.remove(files.run / "pending", name="pending")


def ports(files: Layout) -> dict[str, int]:
    """The first port of each process type, as handed out for good by the newest confirmed run."""
    try:
        known = json.loads((files.run / "ports").read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _damaged(files.run / "ports") from error
    return {str(name): int(port) for name, port in known.items()}


def _damaged(path: Path) -> Drift:
    return Drift(f"{path} is damaged", hint="nothing was changed.  Remove it, then `deploy run` the current release")


def keep_ports(files: Layout, handed_out: dict[str, int]) -> None:
    """Remember which ports were handed out, once the run that got them is confirmed.

    Until then they stand in the pending switch alone: a run that fails must not move what served before.
    """
    if handed_out != ports(files):
        durable.write(files.run / "ports", wire.dump(handed_out), name="ports")
