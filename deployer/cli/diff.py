"""`deploy diff`: what differs between two releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.cli.display.visible import one_line
from deployer.cli.options import Release, ReleaseGiven
from deployer.cli.outcome import name_or_none
from deployer.core.errors import DeployError, NotFound
from deployer.core.names import release_name, short

if TYPE_CHECKING:
    from deployer.builds.source import Between
    from deployer.stages.rollback import Difference

MOST = 20  # paths of one kind that are listed; a build's dependencies are thousands


def diff(ctx: typer.Context, older: ReleaseGiven, newer: Release = None) -> int:
    """Tell what differs between two releases.

    Commits, files, names in the config, processes. Without a second release the current one. Values of the config
    are never shown.
    """
    from deployer.stages import rollback as stage

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        second = newer or name_or_none(target.ledger.current)
        if second is None:
            raise NotFound("nothing runs here yet", hint="name two releases: `deploy diff v1 v2`")
        found = stage.difference(target, target.ledger.find(older).version, target.ledger.find(second).version)
        missing = target.outdated
    between = _between(call, found)
    return failure.answer(call.screen, _document(found, between), _lines(found, between), missing)


def _between(call: Call, found: Difference) -> Between | None:
    """The commits between the two, where this machine's repository has them."""
    if found.commits[0] == found.commits[1]:
        return None
    try:
        return call.project.source.between(*found.commits)
    except DeployError as error:
        call.screen.warn(f"the commits between them are not told: {error.message}")
        return None


def _document(found: Difference, between: Between | None) -> dict[str, Any]:
    commits = {"older": found.commits[0], "newer": found.commits[1]}
    lists = {"added": between.ahead, "removed": between.behind} if between else {"added": (), "removed": ()}
    return {
        "older": release_name(found.older),
        "newer": release_name(found.newer),
        "builds": {"older": found.builds[0], "newer": found.builds[1]},
        "commits": {
            **commits,
            **{kind: [{"commit": commit, "subject": text} for commit, text in of] for kind, of in lists.items()},
        },
        "files": {"added": found.added, "removed": found.removed, "changed": found.changed},
        "config": {"added": found.config_added, "removed": found.config_removed, "changed": found.config_changed},
        "processes": found.processes,
    }


def _lines(found: Difference, between: Between | None) -> list[str]:
    older, newer = release_name(found.older), release_name(found.newer)
    lines = [
        f"commit   {found.commits[0][:10]} -> {found.commits[1][:10]}",
        f"build    {short(found.builds[0])} -> {short(found.builds[1])}",
    ]
    if between:
        lines += [f"  + {commit[:10]} {one_line(text)}" for commit, text in between.ahead]
        lines += [f"  - {commit[:10]} {one_line(text)}" for commit, text in between.behind]
    lines += _part("config", found.config_added, found.config_removed, found.config_changed)
    lines += ["processes", *(f"  {one_line(text)}" for text in found.processes)] if found.processes else []
    lines += _part("files", found.added, found.removed, found.changed)
    if len(lines) == 2 and found.commits[0] == found.commits[1]:
        return [f"{older} and {newer} do not differ"]
    return lines


def _part(title: str, added: list[str], removed: list[str], changed: list[str]) -> list[str]:
    if not (added or removed or changed):
        return []
    lines = [f"{title}: {len(added)} added, {len(removed)} removed, {len(changed)} changed"]
    for mark, names in (("+", added), ("-", removed), ("~", changed)):
        lines += [f"  {mark} {one_line(name)}" for name in names[:MOST]]
        lines += [f"  {mark} … and {len(names) - MOST} more (--json lists all)"] if len(names) > MOST else []
    return lines
