"""`deploy events`: what the hosts did."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import failure, options
from deployer.cli.call import Call
from deployer.cli.outcome import name_or_none


def events(
    ctx: typer.Context,
    *,
    lines: Annotated[str, typer.Option("-n", "--lines", metavar="N", help="The newest N of each host.")] = "50",
) -> int:
    """List what the hosts did by themselves.

    Staged, switched, confirmed, restored, restarted: also what nobody was connected to see. Exit code 40 where a host
    cannot be reached.
    """
    call: Call = ctx.obj
    from deployer.stages import view

    with call.opened(lenient=True) as target:
        told, missing = view.events(target, options.number("-n", lines)), target.fleet.missing
    entries = [
        {
            "at": str(entry.get("at", "")),
            "host": host,
            "event": str(entry.get("event", "")),
            "release": name_or_none(entry.get("release")),
            "text": str(entry.get("text", "")),
        }
        for host, entry in told
    ]
    rows = [
        [call.screen.moment(str(e["at"])), str(e["host"]), str(e["event"]), str(e["release"] or ""), str(e["text"])]
        for e in entries
    ]
    head = ["at", "host", "event", "release", "what"]
    table = call.screen.table(head, rows) if rows else []
    return failure.answer(call.screen, {"events": entries}, table, missing)
