"""`deploy prune`: old releases away."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.call import Call
from deployer.cli.display.times import size
from deployer.core.names import release_name, short


def prune(
    ctx: typer.Context,
    *,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="N", help="Keep the newest N; else `keep` of deploy.yaml.")
    ] = None,
) -> None:
    """Remove old releases and builds that nothing needs.

    The current release, the one a bare rollback would choose and all that a process runs from stay; so does the
    ledger.
    """
    from deployer.stages import upkeep

    call: Call = ctx.obj
    count = options.number("--keep", keep) if keep is not None else None
    with call.opened(write=True) as target:
        pruned = upkeep.prune(target, count)
    document = [
        {
            "host": host,
            "releases": [release_name(version) for version in gone.releases],
            "builds": gone.builds,
            "objects": gone.objects,
            "bytes": gone.bytes,
        }
        for host, gone in pruned.items()
    ]
    rows = [
        [
            host,
            ", ".join(map(release_name, gone.releases)) or "none",
            ", ".join(map(short, gone.builds)) or "none",
            size(gone.bytes),
        ]
        for host, gone in pruned.items()
    ]
    call.screen.answer({"hosts": document}, call.screen.table(["host", "releases", "builds", "freed"], rows))
