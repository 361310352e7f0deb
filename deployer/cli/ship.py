"""`deploy ship`: all three stages in one go."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import outcome
from deployer.cli.call import Call


def ship(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="A branch, tag or commit; else HEAD.")] = "HEAD",
) -> None:
    """Build, release and run in one go."""
    from deployer.stages import build as build_stage
    from deployer.stages import release as release_stage
    from deployer.stages import run as stage

    call: Call = ctx.obj
    made = build_stage.build(call.project, ref, report=call.progress.report)
    with call.opened(write=True) as target:
        released = release_stage.release(target, made.id, made.commit, cause="ship")
        ran = stage.run(target, released.release, cause="ship")
    outcome.show(ran, call.screen)
