"""`deploy stop`: processes off."""

from __future__ import annotations

import typer

from deployer.cli import heading
from deployer.cli.call import Call
from deployer.cli.outcome import show_formation


def stop(ctx: typer.Context) -> None:
    """Stop processes; they stay down until they are started."""
    from deployer.stages import formation

    call: Call = ctx.obj
    with call.opened(write=True) as target:
        heading.begin(call, target, heading.now(target), "stop")
        show_formation(formation.stop(target), target, call, f"{heading.now(target)} is stopped")
