"""`deploy init`: a deploy.yaml for a repository."""

from __future__ import annotations

from pathlib import Path

import typer

from deployer.cli.call import Call


def init(ctx: typer.Context) -> None:
    """Detect the app and write its deploy.yaml.

    It says what it found (how the app is built, started and asked whether it is
    well), and what only you can know: write that before `deploy ship`. It also adds
    to .gitignore what must not be committed. Nothing is ever overwritten.
    """
    from deployer.builds import source
    from deployer.stages import init as stage

    call: Call = ctx.obj
    folder = Path(call.directory)
    path = stage.init(folder, stage.files(source.find(folder, call.environ)), report=call.progress.report)
    call.screen.note("look at it, commit it, then `deploy ship`")
    call.screen.answer({"path": str(path)}, [str(path)])
