"""`deploy releases`: the ledger's releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.core.names import release_name, short

if TYPE_CHECKING:
    from deployer.stages.view import ReleaseLine

HEAD = ["release", "state", "commit", "build", "made", "cause", "by"]


def releases(ctx: typer.Context) -> int:
    """List the releases: who, when, how it ended.

    The state is `current`, or how the newest attempt to run the release ended; `pruned` where only the ledger's line
    is left.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        lines, missing = view.releases(target), target.outdated
    rows = [
        [
            release_name(line.release.version),
            _state(line),
            line.release.commit[:10],
            short(line.release.build),
            call.screen.moment(line.release.at),
            line.release.cause,
            line.release.by,
        ]
        for line in lines
    ]
    if not rows:
        call.screen.note("there is no release yet: `deploy release` makes one")
    told = {"releases": [document(line) for line in lines]}
    return failure.answer(call.screen, told, call.screen.table(HEAD, rows) if rows else [], missing)


def document(line: ReleaseLine) -> dict[str, Any]:
    """What `--json` tells of one release."""
    return {
        "release": release_name(line.release.version),
        "build": line.release.build,
        "config": line.release.config,
        "commit": line.release.commit,
        "by": line.release.by,
        "at": line.release.at,
        "cause": line.release.cause,
        "outcome": line.outcome or None,
        "current": line.current,
        "present": line.present,
    }


def _state(line: ReleaseLine) -> str:
    state = "current" if line.current else line.outcome or "not run"
    return state if line.present else f"{state}, pruned"
