"""`deploy run`: the run stage."""

from __future__ import annotations

import typer

from deployer.cli import heading, outcome
from deployer.cli.call import Call
from deployer.cli.options import Release


def run(ctx: typer.Context, release: Release = None) -> None:
    """Bring a release up: stage, switch, launch, check, confirm.

    Without a release the newest one. If it does not come up, what served before serves again (exit code 30).
    """
    from deployer.stages import run as stage

    call: Call = ctx.obj
    with call.opened(write=True) as target:
        version = target.ledger.find(release).version if release else target.ledger.newest
        if version is not None:
            heading.begin(call, target, heading.step(target, version), heading.commit_of(target, version))
        ran = stage.run(target, version)
        commit = heading.commit_of(target, ran.release)
    outcome.show(ran, call, commit)
