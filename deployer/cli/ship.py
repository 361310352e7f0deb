"""`deploy ship`: all three stages in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import heading, outcome
from deployer.cli.call import Call
from deployer.core.names import short

if TYPE_CHECKING:
    from deployer.builds.store import Build
    from deployer.stages.target import Target


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
    from deployer.stages import matching
    from deployer.stages import ship as stage

    call: Call = ctx.obj
    commit = call.project.source.commit(ref)
    made: list[Build] = []

    def build(target: Target) -> None:
        heading.begin(call, target, _versions(target), heading.commit(target, commit.id))
        report = call.progress.report
        made.append(build_stage.build(call.project, ref, report=report, hosts=matching.hosts_at(target)))
        call.done.build = "" if made[0].cached else short(made[0].id)

    with call.opened(write=True, first=build) as target:
        shipped = stage.ship(target, made[0].id, made[0].commit, force=force)
        told = heading.commit(target, made[0].commit)
    outcome.show(shipped.ran, call, told, note="" if shipped.new else _note(changed=shipped.ran.changed))


def _versions(target: Target) -> str:
    """`v41 → v42`: what is current, and what this will be where it differs from that."""
    return heading.step(target, target.ledger.next_version)


def _note(*, changed: bool) -> str:
    if changed:
        return "has this commit and config already: it was brought up again, and no new release was made"
    return "already runs this commit and config; nothing to do. `--force` ships it anyway"
