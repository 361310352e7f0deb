"""`deploy ps`: the processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.cli.display import columns
from deployer.cli.display.screen import Screen
from deployer.cli.display.visible import one_line
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.core.requests import Seen

HEAD = ["process", "host", "release", "state", "pid", "port", "since", "restarts"]
WRONG = ("crashed", "down", "unknown")


def ps(ctx: typer.Context) -> int:
    """List the processes.

    What runs, and `down` for what should and does not. Exit code 40 where a host cannot be reached: what should run
    there is `unknown`.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(lenient=True) as target:
        (rows, changing), missing = view.listed(target), target.fleet.missing
    for host, told in changing.items():
        call.screen.note(f"{host}: {told}")
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
    """The table; what would make it wider than the terminal is left out or put below.

    A reason stands in full on a line of its own, below its process; then hosts go without the domain that all have.
    """
    wrong = [at for at, (_, seen) in enumerate(rows) if seen.state in WRONG]
    short = columns.without_domain([host for host, _ in rows])
    for names in ({}, short):
        named = [(names.get(host, host), seen) for host, seen in rows]
        whole = [_row(host, seen, _state(seen), screen) for host, seen in named]
        brief = [_row(host, seen, seen.state, screen) for host, seen in named]
        if _fits([HEAD, *whole], screen.width):
            return screen.table(HEAD, whole, wrong=wrong)
        if _fits([HEAD, *brief], screen.width):
            return _reasons_below(screen.table(HEAD, brief, wrong=wrong), [seen for _, seen in rows], screen)
    return screen.table(HEAD, [_row(host, seen, _state(seen), screen) for host, seen in rows], wrong=wrong)


def _reasons_below(table: list[str], seen: list[Seen], screen: Screen) -> list[str]:
    reasons = [
        [screen.styled(f"  {_reason(one)}", "red" if one.state in WRONG else "")] if one.reason else [] for one in seen
    ]
    return [table[0], *(line for row, more in zip(table[1:], reasons, strict=True) for line in (row, *more))]


def _fits(cells: list[list[str]], width: int | None) -> bool:
    return width is None or sum(columns.natural(cells)) + len(columns.GAP) * (len(HEAD) - 1) <= width


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
