"""`deploy scale`: how many processes run."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import failure, heading
from deployer.cli.call import Call
from deployer.cli.outcome import show_formation


def scale(
    ctx: typer.Context,
    changes: Annotated[list[str], typer.Argument(metavar="TYPE=N...", help="web=3, worker+1, worker-1.")],
) -> int:
    """Change how many processes of a type run.

    `web=3` sets the number, `worker+1` and `worker-1` change it. It stays for later releases, until deploy.yaml says
    something new for that type.
    """
    from deployer.stages import formation, intents

    call: Call = ctx.obj
    with call.opened(write=True) as target:
        heading.begin(call, target, heading.now(target), f"scale {' '.join(changes)}")
        ran = formation.scale(target, changes)
        show_formation(ran, target, call, f"{heading.now(target)} is scaled: {heading.formation(target)}")
        if formation.is_relative(changes):
            return failure.afterwards(call.screen, intents.end(target))
    return 0
