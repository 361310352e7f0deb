"""`deploy prune`: old releases away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli import heading, options
from deployer.cli.call import Call
from deployer.cli.display import columns
from deployer.cli.display.times import size
from deployer.core.names import release_name, short

if TYPE_CHECKING:
    from deployer.stages.upkeep import Pruning


def prune(
    ctx: typer.Context,
    *,
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="N", help="Keep the newest N that served; else `keep`."),
    ] = None,
) -> None:
    """Remove old releases and builds that nothing needs.

    The newest releases that served stay, whatever was tried in between, and the newest three of all others, to be
    looked at; so do the current release, the one a bare rollback would choose, all that a process runs from, and the
    ledger. It says of each why it was removed.
    """
    from deployer.stages import upkeep

    call: Call = ctx.obj
    count = options.number("--keep", keep) if keep is not None else None
    with call.opened(write=True) as target:
        heading.begin(call, target, "prune")
        pruning = upkeep.prune(target, count)
    call.screen.answer({"hosts": [_document(host, pruning) for host in pruning.hosts]}, _lines(call, pruning))


def _document(host: str, pruning: Pruning) -> dict[str, Any]:
    gone = pruning.hosts[host]
    return {
        "host": host,
        "releases": [release_name(version) for version in gone.releases],
        "removed": [{"release": release_name(one.version), "why": one.why} for one in pruning.gone(host)],
        "builds": gone.builds,
        "objects": gone.objects,
        "bytes": gone.bytes,
    }


def _lines(call: Call, pruning: Pruning) -> list[str]:
    rows = [
        [
            host,
            ", ".join(map(release_name, gone.releases)) or "none",
            ", ".join(map(short, gone.builds)) or "none",
            size(gone.bytes),
        ]
        for host, gone in pruning.hosts.items()
    ]
    lines = call.screen.table(["host", "releases", "builds", "freed"], rows)
    why = [(release_name(version), reason) for version, reason in pruning.why.items()]
    return [*lines, "", *columns.pairs(why)] if why else lines
