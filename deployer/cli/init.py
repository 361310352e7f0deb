"""`deploy init`: a deploy.yaml for a repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deployer.cli.call import Call
from deployer.core.errors import BuildFailed

if TYPE_CHECKING:
    from deployer.builds.packs import Pack
    from deployer.builds.source import Source


def init(ctx: typer.Context) -> None:
    """Detect the app and write its deploy.yaml.

    It also adds to .gitignore what must not be committed. Nothing is ever overwritten.
    """
    from deployer.builds import source
    from deployer.stages import init as stage

    call: Call = ctx.obj
    folder = Path(call.directory)
    paths = _paths(source.find(folder, call.environ))
    path = stage.init(folder, paths, _packs(paths), report=call.progress.report)
    call.screen.note("look at it, commit it, then `deploy ship`")
    call.screen.answer({"path": str(path)}, [str(path)])


def _paths(found: Source) -> frozenset[str]:
    """The files below the app's folder that git knows, or would."""
    top = f"{found.work_tree}/{found.prefix}"
    listed = found.git(f"--work-tree={found.work_tree}", "ls-files", "-z", "-co", "--exclude-standard", "--", top)
    return frozenset(os.fsdecode(path).removeprefix(found.prefix) for path in listed.split(b"\0") if path)


def _packs(paths: frozenset[str]) -> list[Pack]:
    from deployer.builds.packs import choose

    try:
        return [choose.choose("auto", paths)]
    except BuildFailed:  # no pack knows the files: the template says what to do
        return []
