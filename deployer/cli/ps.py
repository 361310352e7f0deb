"""`deploy ps`: the processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.cli.display.screen import Screen
from deployer.cli.display.visible import one_line
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
    """The table; a reason that the terminal would cut off stands in full on a line of its own, below its process."""
    table = screen.table(HEAD, [_row(host, seen, _state(seen), screen) for host, seen in rows])
    if screen.width is None or not any("…" in line for line in table):
        return table
    short = screen.table(HEAD, [_row(host, seen, seen.state, screen) for host, seen in rows])
    below = [[f"  {_reason(seen)}"] if seen.reason else [] for _, seen in rows]
    return [short[0], *(line for row, more in zip(short[1:], below, strict=True) for line in (row, *more))]


def _row(host: str, seen: Seen, state: str, screen: Screen) -> list[str]:
    moment = screen.moment(_moment(seen))
    pid, port = str(seen.pid or ""), str(seen.port or "")
    return [seen.process, host, release_name(seen.release), state, pid, port, moment, str(seen.restarts)]


def _state(seen: Seen) -> str:
    return f"{seen.state} ({_reason(seen)})" if seen.reason else seen.state


def _reason(seen: Seen) -> str:
    """Why it is in that state, or how the one before it ended; nothing in it can play with the terminal."""
    return one_line(f"{'restarted: ' if seen.state == 'up' and seen.restarts else ''}{seen.reason}")


def _moment(seen: Seen) -> str:
    return f"{datetime.fromtimestamp(seen.since, UTC):%Y-%m-%dT%H:%M:%SZ}" if seen.since else ""
