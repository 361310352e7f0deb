"""How are ledger records kept on a host?  One file each, published by link(2), checked on every read."""

from __future__ import annotations

import contextlib
import os

from deployer.agent import durable
from deployer.agent.layout import Layout
from deployer.core.errors import Drift
from deployer.core.ledger import SUCCEEDED, Ledger, Record

COMPARE = "nothing was changed.  Compare the ledger with a copy of it: `deploy ledger verify`"
ASIDE = "ledger.forked-"  # what folders of records are called that were set aside


def lines(host: Layout) -> list[bytes]:
    """The records' bytes, oldest first; a gap in the numbers is `Drift`."""
    names = _names(host)
    for seq, name in enumerate(names, 1):
        if name != f"{seq:08d}":
            raise Drift(f"{host.ledger}: {name} stands where {seq:08d} was expected", hint="a record is missing")
    try:
        return [(host.ledger / name).read_bytes() for name in names]
    except IsADirectoryError as error:
        raise Drift(f"{error.filename} is a folder, where a record was expected", hint=COMPARE) from error


def raw(host: Layout) -> list[bytes]:
    """What stands in the place of records, oldest first, whether it fits or not."""
    return [(host.ledger / name).read_bytes() for name in _names(host) if (host.ledger / name).is_file()]


def _names(host: Layout) -> list[str]:
    try:
        return sorted(name for name in os.listdir(host.ledger) if not name.startswith("."))
    except FileNotFoundError:
        return []


def read(host: Layout) -> Ledger:
    """The host's ledger; `Drift` where a record does not fit or the ledger is shorter than it once was."""
    seq, digest = _highest(host)  # before the records: a writer adds the record first
    ledger = Ledger.read(lines(host), where=str(host.ledger))
    if seq > ledger.head[0] or (seq and ledger.records[seq - 1].digest != digest):
        raise Drift(
            f"{host.ledger}: it ends at record {ledger.head[0]}, but record {seq} ({digest[:12]}) was seen here",
            hint="records were taken away or replaced; nothing was changed.  Compare it with a copy of it",
        )
    return ledger


def confirms(host: Layout, attempt: str) -> bool:
    """Whether the newest run is this attempt, and succeeded."""
    return any(run.attempt == attempt and run.outcome == SUCCEEDED for run in read(host).runs[-1:])


def set_aside(host: Layout) -> bool:
    """Whether another history was set aside here."""
    return any(name.startswith(ASIDE) for name in os.listdir(host.root))


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
        _publish(host, record)
    with contextlib.suppress(OSError):  # a full disk: what was published stands, and the next record brings a new head
        remember(host, grown)
    return grown


def _publish(host: Layout, record: Record) -> None:
    """Publish a record; one that is not durable is taken back, since this tells that it was not written."""
    path = host.record(record.seq)
    try:
        durable.publish(path, record.render(), name="ledger")
    except FileExistsError:
        raise
    except OSError:
        with contextlib.suppress(OSError):  # it stands then: whoever was told otherwise reads the ledger
            durable.remove(path, name="ledger")
        raise


def remember(host: Layout, ledger: Ledger) -> None:
    """Keep the head: a ledger that ends before it, or otherwise, is not the one that was seen here."""
    seq, digest = ledger.head
    durable.write(host.root / "ledger.head", f"{seq} {digest}\n".encode(), name="head")


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
