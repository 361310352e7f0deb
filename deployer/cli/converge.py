"""`deploy converge`: hosts that missed something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import heading, outcome
from deployer.cli.call import Call
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.stages.converge import Converged

HEAD = ["host", "release", "mended"]


def converge(ctx: typer.Context) -> None:
    """Bring hosts that missed something to the current release.

    Those that were down, are new in deploy.yaml, or are not as the ledger says; the release that a bare rollback would
    run is brought there, too. Hosts that are right are not touched, and no release command is run.
    """
    from deployer.stages import converge as stage

    call: Call = ctx.obj
    with call.opened(write=True) as target:
        heading.begin(call, target, heading.now(target), "converge")
        done = stage.converge(target)
    name = release_name(done.release)
    if not any(done.hosts.values()):
        call.screen.note(f"every host is as it should be with {name}; nothing to do")
    rows = [[host, name, "; ".join(told) or "nothing"] for host, told in done.hosts.items()]
    call.screen.answer(document(done), call.screen.table(HEAD, rows))


def document(done: Converged) -> dict[str, Any]:
    """What `--json` tells of it."""
    return {
        "release": release_name(done.release),
        "changed": any(done.hosts.values()),
        "hosts": [{"host": host, "changed": bool(told), "mended": told} for host, told in done.hosts.items()],
        "run": outcome.document(done.ran) if done.ran else None,
    }
