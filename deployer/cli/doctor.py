"""`deploy doctor`: can this machine and the hosts do the job?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.core.errors import ReleaseRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deployer.stages.doctor import Finding

HEAD = ["where", "what", "ok", "found"]


def doctor(ctx: typer.Context) -> int:
    """Look whether this machine and the hosts can do the job.

    Of several hosts only what is not well is shown; all of it with -v. Where there is no deploy.yaml, only this
    machine's tools. Exit code 20 where something is missing, or a host cannot be reached.
    """
    call: Call = ctx.obj
    findings = _findings(call)
    bad = [one for one in findings if not one.ok]
    document = {"ok": not bad, "findings": [asdict(one) for one in findings]}
    several = len({one.where for one in findings}) > 2  # this machine and more than one host
    rows = list(_rows(findings) if several and not call.screen.verbose else map(_row, findings))
    lines = call.screen.table(HEAD, rows)
    for hint in _hints([one for one in findings if one.warn]):
        call.screen.note(f"warning: {hint}")
    if not bad:
        call.screen.answer(document, lines)
        return 0
    error = ReleaseRefused(
        f"not as it should be: {', '.join(f'{one.name} ({one.where})' for one in bad)}",
        hint="\n      ".join(_hints(bad)),
    )
    return failure.found(error, call.screen, document, lines)


def _row(one: Finding) -> list[str]:
    return [one.where, one.name, ("warn" if one.warn else "yes") if one.ok else "NO", one.found]


def _rows(findings: Sequence[Finding]) -> Iterator[list[str]]:
    """What is not well, and a line for a place where all is."""
    for where in dict.fromkeys(one.where for one in findings):
        there = [one for one in findings if one.where == where]
        wrong = [one for one in there if one.warn or not one.ok]
        yield from map(_row, wrong)
        if not wrong:
            yield [where, "everything", "yes", f"{len(there)} things were looked at"]


def _hints(findings: Sequence[Finding]) -> list[str]:
    """What to do, once for all places where it is the same."""
    places: dict[tuple[str, str], list[str]] = {}
    for one in findings:
        if one.hint:
            places.setdefault((one.name, one.hint), []).append(one.where)
    return [f"{name} ({', '.join(where)}): {hint}" for (name, hint), where in places.items()]


def _findings(call: Call) -> list[Finding]:
    from deployer import settings
    from deployer.stages import doctor as stage

    here = Path(call.directory)
    if not any((place / settings.NAME).exists() for place in (here, *here.parents)):
        call.screen.note(f"there is no {settings.NAME} here: only this machine's tools are looked at")
        return stage.tools(call.environ)
    return stage.examine(call.project, call.target, call.narrow)
