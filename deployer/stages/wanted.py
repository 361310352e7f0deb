"""What is a run to bring about, what became of it on each host, and what does the ledger say of it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.core.errors import DeployError
from deployer.core.ledger import Record
from deployer.stages.target import Target


@dataclass(frozen=True)
class Wanted:
    """What is to run: a release with a formation, or (`stopped`) nothing; `restart` names what starts anew."""

    version: int
    formation: dict[str, int]
    stopped: bool = False
    restart: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostOutcome:
    """How the run ended on one host; `release` is what serves there now (None: nothing, or unknown)."""

    host: str
    release: int | None
    ok: bool
    seconds: float
    error: str = ""


def record(
    target: Target,
    wanted: Wanted,
    *,
    attempt: str,
    cause: str,
    outcome: str,
    error: str = "",
    written: Callable[[Record], bool] = lambda _: False,
    then: Sequence[Any] = (),
) -> dict[str, DeployError]:
    """Write the run into the ledger (`Book.append`); which hosts did not answer or take their copy, and why."""
    body = {
        "release": wanted.version,
        "cause": cause,
        "outcome": outcome,
        "previous": target.ledger.current,
        "formation": wanted.formation,
        "stopped": wanted.stopped,
        "by": target.operator.who,
        "at": target.operator.now(),
        "attempt": attempt,
        "error": error,
        "hosts": {s.host.name: target.share(s.host.name, wanted.formation) for s in target.chosen},
        "whole": target.whole,
    }
    return target.book.append("run", body, written=written, then=then)
