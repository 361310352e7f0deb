"""`deploy restart`: processes anew."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import heading
from deployer.cli.call import Call
from deployer.cli.outcome import show_formation


def restart(
    ctx: typer.Context,
    processes: Annotated[list[str] | None, typer.Argument(metavar="[PROCESS]...", help="web, web.1; else all.")] = None,
) -> None:
    """Launch processes of the current release anew.

    All of them, one after the other, or those that are named: `web`, `web.1`.
    """
    from deployer.stages import formation

    call: Call = ctx.obj
    chosen = f" {', '.join(processes)}" if processes else ""
    with call.opened(write=True) as target:
        heading.begin(call, target, heading.now(target), f"restart{chosen}")
        ran = formation.restart(target, processes or [])
        show_formation(ran, target, call, f"{heading.now(target)} is restarted{':' if chosen else ''}{chosen}")
