"""`deploy builds`: the builds on this machine."""

from __future__ import annotations

import typer

from deployer.cli.build import document
from deployer.cli.call import Call
from deployer.cli.display.times import size
from deployer.core.names import short


def builds(ctx: typer.Context) -> None:
    """List the builds on this machine."""
    call: Call = ctx.obj
    found = call.project.store.list()
    rows = [
        [short(b.id), b.commit[:10], b.pack, call.screen.moment(b.at), str(b.files), size(b.bytes), b.subject]
        for b in found
    ]
    head = ["build", "commit", "pack", "made", "files", "size", "subject"]
    if not found:
        call.screen.note("there is no build yet: `deploy build` makes one")
    call.screen.answer({"builds": [document(b) for b in found]}, call.screen.table(head, rows) if rows else [])
