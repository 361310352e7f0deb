"""`deploy start`: processes on again."""

from __future__ import annotations

import typer

from deployer.cli import heading
from deployer.cli.call import Call
from deployer.cli.outcome import show_formation


def start(ctx: typer.Context) -> None:
    """Start what was stopped."""
    from deployer.stages import formation

    call: Call = ctx.obj
    with call.opened(write=True) as target:
        heading.begin(call, target, heading.now(target), "start")
        show_formation(formation.start(target), target, call, f"{heading.now(target)} is started")
