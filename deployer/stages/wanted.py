"""What is a run to bring about, what became of it on each host, and what does the ledger say of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.core.errors import DeployError
from deployer.core.ledger import Record
from deployer.stages.target import Target


@dataclass(frozen=True)
class Move:
    """A host gives up its processes of these types; it goes on with the rest of its `share` of `release`."""

    host: str
    kinds: tuple[str, ...]
    release: int
    share: Mapping[str, int]
    stopped: bool = False

    @property
    def rest(self) -> dict[str, int]:
        """What it goes on with."""
        return {kind: count for kind, count in self.share.items() if kind not in self.kinds}


@dataclass(frozen=True)
class Wanted:
    """What is to run: a release with a formation, or (`stopped`) nothing; `restart` names what starts anew.

    `alone` are the types of which the whole target has one at most (None: not looked up yet), `placed` the host that
    has each (None: not decided yet), `moves` what has to be given up before, `gone` what hosts have that are none of
    the target's any more (stages/placing.py).  The formation may be one host's `own`, whatever deploy.yaml says of it.
    """

    version: int
    formation: dict[str, int]
    stopped: bool = False
    restart: tuple[str, ...] = ()
    alone: tuple[str, ...] | None = None
    placed: Mapping[str, str] | None = None
    moves: tuple[Move, ...] = ()
    gone: tuple[Move, ...] = ()
    own: bool = False

    @property
    def starting(self) -> list[str]:
        """The types of which the whole target has one, that are to run."""
        return [] if self.stopped else [kind for kind in self.alone or () if self.formation.get(kind)]

    def share(self, target: Target, host: str) -> dict[str, int]:
        """What `host` has of the formation."""
        if self.own:
            return dict(self.formation)
        counts, alone, placed = target.share(host, self.formation), self.alone or (), self.placed or {}
        return {
            kind: min(count, 1) if kind in alone else count
            for kind, count in counts.items()
            if kind not in alone or placed.get(kind) == host
        }


@dataclass(frozen=True)
class HostOutcome:
    """How the run ended on one host; `release` is what serves there now (None: nothing, or unknown).

    `before`: it serves what it served before the run.
    """

    host: str
    release: int | None
    ok: bool
    seconds: float
    error: str = ""
    before: bool = False


def record(
    target: Target,
    wanted: Wanted,
    *,
    attempt: str,
    cause: str,
    outcome: str,
    error: str = "",
    failure: str = "",
    times: Mapping[str, Any] | None = None,
    hosts: Mapping[str, Mapping[str, int]] | None = None,
    written: Callable[[Record], bool] = lambda _: False,
    then: Sequence[Any] = (),
) -> dict[str, DeployError]:
    """Write the run into the ledger (`Book.append`); which hosts did not answer or take their copy, and why.

    It is of the hosts that the command is for, unless `hosts` says of which, with what each of them has.
    """
    shares = {s.host.name: wanted.share(target, s.host.name) for s in target.chosen} if hosts is None else hosts
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
        **({"failure": failure} if failure else {}),
        "hosts": shares,
        "whole": target.whole and hosts is None,
        **({"times": times} if times else {}),
    }
    return target.book.append("run", body, written=written, then=then)
