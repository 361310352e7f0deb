"""`deploy show`: one release in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure, releases
from deployer.cli.call import Call
from deployer.cli.display import columns
from deployer.cli.options import Release
from deployer.cli.outcome import name_or_none
from deployer.core.errors import NotFound
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.core.ledger import Run
    from deployer.stages.view import Shown


def show(ctx: typer.Context, release: Release = None) -> int:
    """Show one release in full.

    Its build, the names of its config, its processes and its runs. Without a release the current one.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        wanted = release or name_or_none(target.ledger.current)
        if wanted is None:
            raise NotFound("nothing runs here yet", hint="name a release: `deploy releases` lists them")
        shown, missing = view.show(target, target.ledger.find(wanted)), target.outdated
    return failure.answer(call.screen, document(shown), _lines(call, shown), missing)


def document(shown: Shown) -> dict[str, Any]:
    """What `--json` tells of it."""
    spec = shown.spec
    return {
        **releases.document(shown.line),
        "present": spec is not None,
        "names": list(spec.names) if spec else [],
        "stored": list(spec.stored) if spec else [],
        "formation": dict(spec.formation) if spec else {},
        "processes": {kind.name: kind.command for kind in spec.launch.processes} if spec else {},
        "release_command": spec.launch.release_command or None if spec else None,
        "runs": [_run(run) for run in shown.runs],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "cause": run.cause,
        "outcome": run.outcome,
        "previous": name_or_none(run.previous),
        "formation": dict(run.formation),
        "stopped": run.stopped,
        "by": run.by,
        "at": run.at,
        "error": run.error or None,
        "times": {what: {kind: dict(told) for kind, told in known.items()} for what, known in run.times.items()},
    }


def _lines(call: Call, shown: Shown) -> list[str]:
    line, spec = shown.line, shown.spec
    release = line.release
    rows = [
        ("release", release_name(release.version) + (" (current)" if line.current else "")),
        ("commit", f"{release.commit} {line.subject}".rstrip()),
        ("build", release.build),
        ("made", f"{call.screen.moment(release.at)} by {release.by} ({release.cause})"),
        ("state", releases.state(line)),
    ]
    rows += [("crashed", line.crashed)] if line.crashed else []
    rows += [("bare rollback", f"does not choose it: {line.unfit}")] if line.unfit and not line.crashed else []
    if spec is None:
        rows.append(("directory", "pruned"))
    else:
        rows += [(kind.name, f"{spec.formation.get(kind.name, 0)} x {kind.command}") for kind in spec.launch.processes]
        rows += [("release command", spec.launch.release_command)] if spec.launch.release_command else []
        rows.append(("config", ", ".join(spec.names) or "empty"))
    rows += [("config changed", releases.changes(line))] if releases.changes(line) else []
    lines = columns.pairs(rows)
    if shown.runs:
        runs = [[call.screen.moment(r.at), r.cause, r.outcome, r.by, _longest(r, "ready"), _longest(r, "stop"), r.error]
                for r in shown.runs]  # fmt: skip
        head = ["run", "cause", "outcome", "by", "ready after", "stopped after", "error"]
        lines += ["", *call.screen.table(head, runs)]
    return lines


def _longest(run: Run, what: str) -> str:
    """`web 1.2 s`: the longest time of each type, on whatever host."""
    return ", ".join(f"{kind} {told['seconds']:.1f} s" for kind, told in run.times.get(what, {}).items())
