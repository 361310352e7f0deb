"""`deploy build`: the build stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli.call import Call
from deployer.cli.display.times import size
from deployer.core.errors import UsageError
from deployer.core.names import short

if TYPE_CHECKING:
    from deployer.builds.store import Build


def build(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="A branch, tag or commit; else HEAD.")] = "HEAD",
    *,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Write the build as one file, too; - is stdout.")
    ] = None,
) -> None:
    """Make a build of a commit, its dependencies vendored.

    Nothing of the work tree gets in: what is not committed is warned about. The same commit again is found, not made.
    `deploy release FILE` takes the file of --output on another machine.
    """
    from deployer.stages import build as stage

    call: Call = ctx.obj
    made = stage.build(call.project, ref, report=call.progress.report, hosts=call.hosts(named=True))
    call.done.build = "" if made.cached else short(made.id)
    path = None if output is None else Path("/dev/stdout" if output == "-" else output)
    taken = path is not None and stage.is_stdout(path)  # the build itself is the answer then
    if taken and call.screen.json:
        raise UsageError("--json and --output cannot both have standard output", hint="name a file: `--output FILE`")
    if path is not None:
        stage.export(call.project, made, path)
    call.progress.finish()
    call.screen.note(
        f"{short(made.id)}: {made.files} files, {size(made.bytes)}" + (", made before" if made.cached else "")
    )
    if not taken:
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
