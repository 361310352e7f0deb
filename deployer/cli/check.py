"""`deploy check`: is a build a twelve-factor app?"""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli import failure, values
from deployer.cli.call import Call
from deployer.cli.display.visible import one_line
from deployer.core import dotenv
from deployer.core.errors import CheckFailed
from deployer.core.names import short
from deployer.core.secret import seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deployer.builds.store import Build
    from deployer.stages.check.row import Row

HEAD = ["check", "type", "factor", "result", "found"]


def check(
    ctx: typer.Context,
    build: Annotated[
        str | None, typer.Argument(metavar="[BUILD]", help="A build's id, a commit, or a file; else that of HEAD.")
    ] = None,
    *,
    types: Annotated[list[str] | None, typer.Option("--type", metavar="TYPE", help="Only this process type.")] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="More variables: dotenv or JSON; - for stdin.")
    ] = None,
    slow: Annotated[str, typer.Option("--slow", metavar="PATH", help="Ask for this path while web is stopped.")] = "",
) -> int:
    """Audit a build: is it a twelve-factor app?

    Its processes are started, stopped and killed in a scratch directory on this machine; no host is asked. They get
    the target's config sources, and on `local` what `deploy config set` stored. Exit code 50 where a check fails.
    """
    from deployer.stages import build as build_stage
    from deployer.stages.check.audit import Asked, audit

    call: Call = ctx.obj
    more = seal(dotenv.parse_any(values.file_text(config), where=config)) if config is not None else {}
    made = build_stage.chosen(call.project, build, report=call.progress.report)
    asked = Asked(types or (), more, slow)
    rows = audit(call.project, call.target, made, asked, report=call.progress.report)
    call.progress.finish()
    lines = list(_lines(call, rows))
    bad = [row for row in rows if row.result == "fail"]
    if not bad:
        call.screen.note(_summary(made, rows))
        call.screen.answer(_document(made, rows), lines)
        return 0
    error = CheckFailed(f"{_summary(made, rows)}: {', '.join(map(_name, bad))}", hint="")
    return failure.found(error, call.screen, _document(made, rows), lines)


def _lines(call: Call, rows: Sequence[Row]) -> Iterator[str]:
    """The table, and below it what to change: once for all types where it is the same."""
    table = [[row.check, row.type or "-", row.factor.partition(".")[0], row.result, row.found] for row in rows]
    yield from call.screen.table(HEAD, table)
    advice: dict[str, list[Row]] = {}
    for row in rows:
        if row.advice:
            advice.setdefault(row.advice, []).append(row)
    for text, of in advice.items():
        yield ""
        yield f"{', '.join(map(_name, of))}, {of[0].factor}"
        for line in (*(one_line(row.found) for row in of), f"-> {text}"):
            yield from textwrap.wrap(line, call.screen.width or 120, initial_indent="  ", subsequent_indent="     ")


def _name(row: Row) -> str:
    return f"{row.type}: {row.check}" if row.type else row.check


def _summary(made: Build, rows: Sequence[Row]) -> str:
    count = Counter(row.result for row in rows)
    if not count["fail"]:
        return f"{short(made.id)}: {count['pass']} checks passed, {count['skipped']} skipped"
    return f"{short(made.id)} fails {count['fail']} of {len(rows)} checks"


def _document(made: Build, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "ok": all(row.result != "fail" for row in rows),
        "build": made.id,
        "checks": [
            {
                "check": row.check,
                "type": row.type or None,
                "factor": row.factor,
                "result": row.result,
                "found": row.found,
                "advice": row.advice,
                "seconds": row.seconds,
            }
            for row in rows
        ],
    }
