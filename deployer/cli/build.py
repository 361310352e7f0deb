"""`deploy build`: the build stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli.call import Call
from deployer.cli.display.times import size
from deployer.core.names import short

if TYPE_CHECKING:
    from deployer.builds.store import Build


def build(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="A branch, tag or commit; else HEAD.")] = "HEAD",
    *,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Write the build as one file, too.")
    ] = None,
) -> None:
    """Make a build of a commit, its dependencies vendored.

    Nothing of the work tree gets in: what is not committed is warned about. The same commit again is found, not made.
    `deploy release FILE` takes the file of --output on another machine.
    """
    from deployer.stages import build as stage

    call: Call = ctx.obj
    made = stage.build(call.project, ref, report=call.progress.report, hosts=call.hosts(named=True))
    if output is not None:
        stage.export(call.project, made, Path(output))
    call.progress.finish()
    call.screen.note(
        f"{short(made.id)}: {made.files} files, {size(made.bytes)}" + (", made before" if made.cached else "")
    )
    call.screen.answer({**document(made), "cached": made.cached, "artifact": output}, [short(made.id)])


def document(made: Build) -> dict[str, Any]:
    """What `--json` tells of a build."""
    return {
        "build": made.id,
        "commit": made.commit,
        "ref": made.ref,
        "subject": made.subject,
        "pack": made.pack,
        "at": made.at,
        "seconds": made.seconds,
        "files": made.files,
        "bytes": made.bytes,
        "processes": dict(made.processes),
        "tools": dict(made.tools),
    }
