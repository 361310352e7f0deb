"""How does a host give up a history that does not count?  Its records are set aside, never removed.

Order: the new records under a temporary name → the old ones to `ledger.forked-…` → the new ones in their place → the
head.  Cut off in between the ledger cannot be read, and doing it again finishes it.
"""

from __future__ import annotations

import os
from pathlib import Path

from deployer.agent import durable, events, ledger, look, replacing, restoring
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.replacing import Change
from deployer.core import canonical, requests
from deployer.core.ledger import Ledger, digest
from deployer.core.names import release_number


def replace_ledger(request: requests.ReplaceLedger, host: Host) -> requests.SetAside:
    """Have these records; the ones that were here lie beside them from then on."""
    files = host.files
    new = Ledger.read((line.encode() for line in request.lines), where="the new records")
    restoring.restore_pending(files, host.manager, "the ledger of this host is set aside")
    part = Path(durable.temporary(files.ledger))
    os.mkdir(part, 0o700)
    for record in new.records:
        durable.publish(part / f"{record.seq:08d}", record.render(), name="aside")
    folder = ""
    if files.ledger.exists():
        folder = _free_name(files, ledger.raw(files))
        durable.move(files.ledger, files.root / folder, name="aside")
    durable.move(part, files.ledger, name="aside")
    ledger.remember(files, new)
    _end_what_is_not(new, host)
    events.note(files, "set aside", release=None, text=f"{folder or 'no records'}; the ledger has {new.head[0]} now")
    return requests.SetAside(folder)


def _free_name(files: Layout, lines: list[bytes]) -> str:
    """`ledger.forked-` and the digest of the last record; with a number where that exists."""
    name = f"{ledger.ASIDE}{digest(lines[-1] if lines else b'')[:12]}"
    number = 2
    while os.path.lexists(files.root / name):
        name, number = f"{name.partition('.n')[0]}.n{number}", number + 1
    return name


def _end_what_is_not(new: Ledger, host: Host) -> None:
    """Take away releases that have a number of the new ledger and are another one: they could be taken for it.

    A release that the new ledger has no number for serves on until the next run.
    """
    files = host.files
    others = [v for v in look.present(files) if v in new.releases and not _is(files, v, new.releases[v].spec)]
    serving = release_number(look.current(files))
    if serving in others:
        host.manager.ensure()
        replacing.bring(host.manager, Change([], {}, {}), check=host.session.check)
        durable.remove(files.current, name="current")
        events.note(files, "stopped", release=serving, text="it is not the one of the ledger that counts")
    for version in others:
        durable.remove(files.release(version), name="aside")
        durable.remove(files.run / f"released-v{version}", name="aside")


def _is(files: Layout, version: int, spec: str) -> bool:
    try:
        return canonical.sha256((files.release(version) / "release.json").read_bytes()) == spec
    except FileNotFoundError:
        return False
