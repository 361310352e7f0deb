"""`deploy console`: the app's console."""

from __future__ import annotations

import typer

from deployer.cli.call import Call
from deployer.cli.exec import execute, name_place, only
from deployer.cli.options import HostOption, ReleaseOption
from deployer.cli.outcome import name_or_none
from deployer.core.errors import NotFound


def console(ctx: typer.Context, *, release: ReleaseOption = None, host: HostOption = None) -> int:
    """Open the app's console, or a shell, in the current release.

    The console is the `console:` line of the Procfile, or what the pack knows.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(partial=True, narrow=only(call, host)) as target:
        wanted = release or name_or_none(target.ledger.current)
        if wanted is None:
            raise NotFound("nothing runs here yet", hint="name a release: `--release v1`")
        chosen = target.ledger.find(wanted)
        spec = view.show(target, chosen).spec
        command = ["sh", "-c", spec.launch.console] if spec and spec.launch.console else ["sh"]
        name_place(call, target, "console")
        return execute(call, target, command, chosen.version)
