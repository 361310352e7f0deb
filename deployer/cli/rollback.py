"""`deploy rollback`: a run of an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import options, outcome
from deployer.cli.call import Call
from deployer.cli.options import Release
from deployer.core import history
from deployer.core.errors import UsageError
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.core.ledger import Release as LedgerRelease
    from deployer.stages.target import Target


def rollback(
    ctx: typer.Context,
    release: Release = None,
    *,
    config_from: Annotated[
        str | None, typer.Option("--config-from", metavar="current", help="Keep today's config: makes a new release.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="RELEASE", help="Refuse unless it is the current release.")
    ] = None,
) -> None:
    """Run an earlier release again: its code and its config.

    Without a release, the newest one below the current that served and is fit: not one that failed, was rolled back
    from or past, keeps crashing, or equals the current one; it says which it skipped. It needs no build and no
    repository, it deletes nothing, and `deploy run` of what ran before undoes it. With --expect it goes back once,
    however often it is typed.
    """
    from deployer.stages import rollback as stage

    call: Call = ctx.obj
    if config_from not in (None, "current"):
        raise UsageError(f"--config-from {config_from}: a rollback can keep the config that is `current`", hint="")
    expected = options.release_number("--expect", expect)
    with call.opened(write=True) as target:
        history.expect_current(target.ledger, expected)
        named = target.ledger.find(release).version if release else None
        choice = stage.choose(target, named, code_only=bool(config_from))
        if choice.skipped:
            call.screen.note(f"skipped {history.told(choice.skipped)}")
        call.screen.note(_what_changes(call, target, choice.release, keep_config=bool(config_from)))
        ran = stage.rollback(target, choice.release, config_from_current=bool(config_from))
    skipped = [{"release": release_name(one.version), "why": one.why} for one in choice.skipped]
    outcome.show(ran, call.screen, skipped=skipped)


def _what_changes(call: Call, target: Target, chosen: LedgerRelease, *, keep_config: bool) -> str:
    """What the rollback will change, from the ledger alone: a rollback has no time to lose."""
    made = f"{release_name(chosen.version)} (commit {chosen.commit[:10]}, made {call.screen.moment(chosen.at)})"
    if target.ledger.current is None:
        return f"bringing up {made}"
    current = target.ledger.release(target.ledger.current)
    code = "the same build" if current.build == chosen.build else f"another build than commit {current.commit[:10]}"
    config = "the same config" if keep_config or current.config == chosen.config else "another config"
    return f"from {release_name(current.version)} back to {made}: {code}, {config}"
