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
    from deployer.stages.upkeep import Finding

HEAD = ["where", "what", "ok", "found"]


def doctor(ctx: typer.Context) -> int:
    """Look whether this machine and the hosts can do the job.

    Where there is no deploy.yaml, only this machine's tools. Exit code 20 where something is missing.
    """
    call: Call = ctx.obj
    findings = _findings(call)
    bad = [one for one in findings if not one.ok]
    document = {"ok": not bad, "findings": [asdict(one) for one in findings]}
    rows = [[one.where, one.name, "yes" if one.ok else "NO", one.found] for one in findings]
    lines = call.screen.table(HEAD, rows)
    if not bad:
        call.screen.answer(document, lines)
        return 0
    error = ReleaseRefused(
        f"not as it should be: {', '.join(f'{one.name} ({one.where})' for one in bad)}",
        hint="\n      ".join(f"{one.name}: {one.hint}" for one in bad if one.hint),
    )
    return failure.found(error, call.screen, document, lines)


def _findings(call: Call) -> list[Finding]:
    from deployer import settings
    from deployer.stages import upkeep

    here = Path(call.directory)
    if not any((place / settings.NAME).exists() for place in (here, *here.parents)):
        call.screen.note(f"there is no {settings.NAME} here: only this machine's tools are looked at")
        return upkeep.tools(call.environ)
    with call.opened(partial=True) as target:
        missing = [
            upkeep.Finding(host, "ssh", e.message, ok=False, hint=e.hint) for host, e in target.fleet.missing.items()
        ]
        return upkeep.doctor(target) + missing
