"""`deploy verify`: digests against the ledger."""

from __future__ import annotations

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.cli.options import Release
from deployer.core.errors import Drift
from deployer.core.names import release_name

HEAD = ["release", "host", "result"]


def verify(ctx: typer.Context, release: Release = None) -> int:
    """Check every release against its digests.

    All that are kept, or one: each file, the config, the release's own record. Exit code 50 where one does not match,
    40 where a host cannot be reached and all others are well.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(lenient=True) as target:
        checked = view.verify(target, target.ledger.find(release) if release else None)
        missing = target.fleet.missing
    bad = [one for one in checked if one.problems]
    document = {
        "ok": not bad and not missing,
        "releases": [
            {"release": release_name(one.release), "host": one.host, "ok": not one.problems, "problems": one.problems}
            for one in checked
        ],
    }
    rows = [[release_name(one.release), one.host, one.problems[0] if one.problems else "ok"] for one in checked]
    lines = call.screen.table(HEAD, rows) if rows else []
    if not bad:
        return failure.answer(call.screen, document, lines, missing)
    where = ", ".join(f"{release_name(one.release)} on {one.host}" for one in bad)
    told = [f"{one.host}: {release_name(one.release)}: {text}" for one in bad for text in one.problems]
    error = Drift(
        f"does not match its digests: {where}",
        hint="release the build again, and find out who wrote there",
        output="\n".join([*told, *(f"{host}: {lost.message}" for host, lost in missing.items())]),
    )
    return failure.found(error, call.screen, document, lines)
