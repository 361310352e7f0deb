"""Intents: a relative command (`rollback`, `scale web+1`) is kept until it has ended, so that it is idempotent.

Such a command is noted on the primary before anything is done, with what it goes on from, and forgotten when its end
state was read back.  Typed again after a cut it finds itself there: what the ledger says it has reached is brought up
everywhere, and it does not go one further.  No I/O.
"""

from __future__ import annotations

from typing import Optional

from deployer.core.ledger import MOVE, SUCCEEDED, Ledger
from deployer.core.message import message


@message
class Intent:
    """What was asked: `command` in words, `cause` of its records, `release` that was current, `seq` the newest record.

    `release` is None where nothing was current.
    """

    command: str
    cause: str
    release: Optional[int]
    seq: int


@message
class Intend:
    """Note what is about to be asked, or tell that it was asked before and has not ended."""

    command: str
    cause: str


@message
class Intended:
    """`reached`: the same command was cut off after its run had succeeded.  `release` was current when it was asked."""

    reached: bool
    release: Optional[int]


@message
class EndIntent:
    """The command has ended, and its end state was read back: the same again is a new one."""


def reached(intent: Intent, ledger: Ledger) -> bool:
    """Whether a run of the whole target has succeeded for it, and nobody has written anything else since."""
    runs = []
    for record in ledger.records[intent.seq :]:
        if record.body.get("cause") not in (intent.cause, MOVE):
            return False
        if record.kind == "run" and record.body["outcome"] == SUCCEEDED and record.body["cause"] == intent.cause:
            runs.append(record)
    return bool(runs) and bool(runs[-1].body.get("whole", True))
