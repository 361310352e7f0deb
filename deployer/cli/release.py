"""`deploy release`: the release stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli import failure, heading, options
from deployer.cli.call import Call
from deployer.cli.outcome import name_or_none
from deployer.core.names import release_name, short

if TYPE_CHECKING:
    from deployer.stages.release import Released


def release(
    ctx: typer.Context,
    build: Annotated[
        str | None, typer.Argument(metavar="[BUILD]", help="A build's id, a commit, or a file; else that of HEAD.")
    ] = None,
    *,
    config_from: Annotated[
        str | None, typer.Option("--config-from", metavar="RELEASE", help="Take the config of that release.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="RELEASE", help="Refuse unless it is the newest release.")
    ] = None,
) -> int:
    """Make a release: a build and the target's config.

    It is staged and verified on every host, ready to run; no process is touched. `deploy run` brings it up. Where a
    host cannot be reached the release exists on the others, and the exit code is 40; the next run brings it there.
    """
    from deployer.stages import build as build_stage
    from deployer.stages import release as stage

    call: Call = ctx.obj
    expected = options.release_number("--expect", expect)
    call.agree()
    made = build_stage.chosen(call.project, build, report=call.progress.report, hosts=call.hosts())
    call.done.build = "" if made.cached else short(made.id)
    with call.opened(write=True, partial=True) as target:
        versions = heading.step(target, target.ledger.next_version)
        heading.begin(call, target, f"release {versions}", heading.commit(target, made.commit))
        base = target.ledger.find(config_from).version if config_from else None
        released = stage.release(target, made.id, made.commit, config_from=base, expect=expected)
        name = release_name(released.release)
        lost = target.incomplete(f"{name} is released")
        commit = heading.commit(target, made.commit)
    heading.end(call, f"{name} is ready: `deploy run {name}`", commit)
    return failure.done(call.screen, document(released), [name], lost)


def document(released: Released) -> dict[str, Any]:
    """What `--json` tells of a new release."""
    return {
        "release": release_name(released.release),
        "build": released.build,
        "config": released.config,
        "previous": name_or_none(released.previous),
    }
