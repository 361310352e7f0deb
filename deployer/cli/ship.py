"""`deploy ship`: all three stages in one go."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import outcome
from deployer.cli.call import Call


def ship(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="A branch, tag or commit; else HEAD.")] = "HEAD",
    *,
    force: Annotated[bool, typer.Option("--force", help="Make a new release even if this one runs already.")] = False,
) -> None:
    """Build, release and run in one go.

    What runs already (the same commit, config and settings) is no new release, and nothing is restarted; what of it
    does not run is started.
    """
    from deployer.stages import build as build_stage
    from deployer.stages import ship as stage

    call: Call = ctx.obj
    made = build_stage.build(call.project, ref, report=call.progress.report, hosts=call.hosts())
    with call.opened(write=True) as target:
        shipped = stage.ship(target, made.id, made.commit, force=force)
    outcome.show(shipped.ran, call.screen, note="" if shipped.new else _note(changed=shipped.ran.changed))


def _note(*, changed: bool) -> str:
    if changed:
        return "has this commit and config already: it was brought up again, and no new release was made"
    return "already runs this commit and config; nothing to do. `--force` ships it anyway"
