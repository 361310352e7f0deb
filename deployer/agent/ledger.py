"""How are ledger records kept on a host?  One file each, published by link(2), checked on every read."""

from __future__ import annotations

import os

from deployer.agent import durable
from deployer.agent.layout import Layout
from deployer.core.errors import Drift
from deployer.core.ledger import Ledger


def lines(host: Layout) -> list[bytes]:
    """The records' bytes, oldest first; a gap in the numbers is `Drift`."""
    try:
        names = sorted(name for name in os.listdir(host.ledger) if not name.startswith("."))
    except FileNotFoundError:
        return []
    for seq, name in enumerate(names, 1):
        if name != f"{seq:08d}":
            raise Drift(f"{host.ledger}: {name} stands where {seq:08d} was expected", hint="a record is missing")
    return [(host.ledger / name).read_bytes() for name in names]


def read(host: Layout) -> Ledger:
    """The host's ledger; `Drift` where a record does not fit or the ledger is shorter than it once was."""
    ledger = Ledger.read(lines(host), where=str(host.ledger))
    seq, digest = _highest(host)
    if seq > ledger.head[0] or (seq and ledger.records[seq - 1].digest != digest):
        raise Drift(
            f"{host.ledger}: it ends at record {ledger.head[0]}, but record {seq} ({digest[:12]}) was seen here",
            hint="records were taken away or replaced; nothing was changed.  Compare it with a copy of it",
        )
    return ledger


def append(host: Layout, new: list[bytes]) -> Ledger:
    """Publish `new` as the next records, durable when it returns; `Drift` unless they follow the head.

    The same again is no error: a caller that heard no answer may ask twice.
    """
    ledger = read(host)
    if ledger.records and ledger.records[-1].render() == new[-1]:
        return ledger
    grown = Ledger.read([*(record.render() for record in ledger.records), *new], where="the new records")
    durable.make_directory(host.ledger, mode=0o700)
    for record in grown.records[len(ledger.records) :]:
        durable.publish(host.record(record.seq), record.render(), name="ledger")
    durable.write(host.root / "ledger.head", f"{grown.head[0]} {grown.head[1]}\n".encode(), name="head")
    return grown


def _highest(host: Layout) -> tuple[int, str]:
    path = host.root / "ledger.head"
    try:
        seq, digest = path.read_text().split()
        return int(seq), digest
    except FileNotFoundError:
        return 0, ""
    except ValueError:
        hint = "nothing was changed.  Compare the ledger with a copy of it; if it is whole, remove this file"
        raise Drift(f"{path} is damaged: a number and a digest were expected", hint=hint) from None
