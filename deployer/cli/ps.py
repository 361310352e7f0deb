"""`deploy ps`: the processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.cli.display.screen import Screen
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.core.requests import Seen

HEAD = ["process", "host", "release", "state", "pid", "port", "since", "restarts"]


def ps(ctx: typer.Context) -> int:
    """List the processes.

    What runs, and `down` for what should and does not. Exit code 40 where a host cannot be reached: what should run
    there is `unknown`.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        rows, missing = view.ps(target), target.fleet.missing
    if not rows:
        call.screen.note("nothing runs here: `deploy start`, `deploy run` or `deploy ship`")
    table = lines(rows, call.screen) if rows else []
    return failure.answer(call.screen, {"processes": document(rows)}, table, missing)


def document(rows: list[tuple[str, Seen]]) -> list[dict[str, Any]]:
    """What `--json` tells of the processes."""
    return [
        {
            "process": seen.process,
            "host": host,
            "release": release_name(seen.release),
            "state": seen.state,
            "pid": seen.pid or None,
            "port": seen.port or None,
            "since": _moment(seen) or None,
            "restarts": seen.restarts,
            "reason": seen.reason or None,
        }
        for host, seen in rows
    ]


def lines(rows: list[tuple[str, Seen]], screen: Screen) -> list[str]:
    """The table."""
    return screen.table(
        HEAD,
        [
            [
                seen.process,
                host,
                release_name(seen.release),
                _state(seen),
                str(seen.pid or ""),
                str(seen.port or ""),
                screen.moment(_moment(seen)),
                str(seen.restarts),
            ]
            for host, seen in rows
        ],
    )


def _state(seen: Seen) -> str:
    if not seen.reason:
        return seen.state
    return f"{seen.state} ({'restarted: ' if seen.state == 'up' and seen.restarts else ''}{seen.reason})"


def _moment(seen: Seen) -> str:
    return f"{datetime.fromtimestamp(seen.since, UTC):%Y-%m-%dT%H:%M:%SZ}" if seen.since else ""
