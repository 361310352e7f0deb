"""`deploy export`: what the hosts are given, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.call import Call
from deployer.cli.exec import only
from deployer.cli.options import HostOption


def systemd(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder to write to.")],
    *,
    release: Annotated[
        str | None, typer.Option("--release", metavar="RELEASE", help="A release or a build; else the current one.")
    ] = None,
    host: HostOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what differs.")] = False,
) -> int:
    """Write the units of a host as files.

    The very files that a run would have on the host, for its path, user and process types: each below DIR where it
    belongs, with a README that says how to install them. The host is asked, and nothing on it is changed.
    """
    from deployer.stages import export

    call: Call = ctx.obj
    with call.opened(partial=True, narrow=only(call, host)) as target:
        session = target.primary if target.whole else target.fleet.named(target.settings.chosen[0])
        name, kinds = export.kinds(target, session.host.name, release)
        files = export.systemd(target, session, kinds, name)
    written = export.write(Path(folder), files, force=force)
    paths = [str(path) for path in written]
    call.screen.answer({"host": session.host.name, "for": name, "files": paths}, paths)
    return 0
