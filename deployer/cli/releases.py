"""`deploy releases`: the ledger's releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli import failure, options
from deployer.cli.call import Call
from deployer.core.ledger import FAILED, MIXED, RESTORED, SUCCEEDED
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.stages.view import ReleaseLine

NEWEST = "20"
WORDS = {
    SUCCEEDED: "ok",
    RESTORED: "failed: rolled back",
    MIXED: "failed: hosts differ",
    FAILED: "failed",
    "": "not run",
}


def releases(
    ctx: typer.Context,
    *,
    lines: Annotated[str, typer.Option("-n", "--lines", metavar="N", help="The newest N.")] = NEWEST,
    every: Annotated[bool, typer.Option("--all", help="Every release that was ever made.")] = False,
) -> int:
    """List the releases: who, when, how it ended.

    The newest 20. The state is `live`, `ok`, `failed` or `not run`: how the newest attempt to run the release ended.
    `pruned` is said where only the ledger's line is left, `keeps crashing` where a host saw that. `config` names the
    variables that changed, with a minus before those that were removed.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    count = None if every else options.number("-n", lines)
    with call.opened(partial=True) as target:
        found, missing, there = view.releases(target, count), target.outdated, len(target.ledger.releases)
    if not there:
        call.screen.note("there is no release yet: `deploy release` makes one")
    elif len(found) < there:
        call.screen.note(f"the newest {len(found)} of {there}; `--all` lists every one")
    told = {"releases": [document(line) for line in found]}
    return failure.answer(call.screen, told, _table(call, found) if found else [], missing)


def _table(call: Call, lines: list[ReleaseLine]) -> list[str]:
    """The rows, with a column for the config only where it ever changed."""
    head = ["release", "state", "commit", "subject", "config", "made", "by"]
    rows = [
        [
            release_name(line.release.version),
            state(line),
            line.release.commit[:7],
            line.subject,
            changes(line),
            call.screen.moment(line.release.at),
            line.release.by,
        ]
        for line in lines
    ]
    if not any(map(changes, lines)):
        at = head.index("config")
        head, rows = head[:at] + head[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]
    return call.screen.table(head, rows, ("subject", "config", "by"))


def document(line: ReleaseLine) -> dict[str, Any]:
    """What `--json` tells of one release."""
    return {
        "release": release_name(line.release.version),
        "build": line.release.build,
        "config": line.release.config,
        "commit": line.release.commit,
        "subject": line.subject,
        "by": line.release.by,
        "at": line.release.at,
        "cause": line.release.cause,
        "outcome": line.outcome or None,
        "state": state(line),
        "current": line.current,
        "present": line.present,
        "config_changed": list(line.release.config_changed),
        "config_removed": list(line.release.config_removed),
        "unfit": line.unfit or None,
    }


def state(line: ReleaseLine) -> str:
    """How a person says what became of it."""
    words = ["live" if line.current else WORDS.get(line.outcome, line.outcome)]
    words += ["keeps crashing"] if line.crashed else []
    return ", ".join(words if line.present else [*words, "pruned"])


def changes(line: ReleaseLine) -> str:
    """`HOST, -DEBUG`: the names of the config that changed with it."""
    removed = [f"-{name}" for name in line.release.config_removed]
    return ", ".join([*line.release.config_changed, *removed])
