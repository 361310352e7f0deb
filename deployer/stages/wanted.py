"""What is a run to bring about, what became of it on each host, and what does the ledger say of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.core.errors import DeployError
from deployer.core.ledger import Record
from deployer.stages.target import Target


@dataclass(frozen=True)
class Wanted:
    """What is to run: a release with a formation, or (`stopped`) nothing; `restart` names what starts anew.

    `alone` are the types of which the whole target has one at most (None: not looked up yet), `placed` the host that
    has each (stages/placing.py).
    """

    version: int
    formation: dict[str, int]
    stopped: bool = False
    restart: tuple[str, ...] = ()
    alone: tuple[str, ...] | None = None
    placed: Mapping[str, str] = field(default_factory=dict)

    def share(self, target: Target, host: str) -> dict[str, int]:
        """What `host` has of the formation."""
        counts, alone = target.share(host, self.formation), self.alone or ()
        return {
            kind: min(count, 1) if kind in alone else count
            for kind, count in counts.items()
            if kind not in alone or self.placed.get(kind) == host
        }


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
    times: Mapping[str, Any] | None = None,
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
        "hosts": {s.host.name: wanted.share(target, s.host.name) for s in target.chosen},
        "whole": target.whole,
        **({"times": times} if times else {}),
    }
    return target.book.append("run", body, written=written, then=then)
