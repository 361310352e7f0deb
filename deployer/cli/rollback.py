"""`deploy rollback`: a run of an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import outcome
from deployer.cli.call import Call
from deployer.cli.options import Release
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
) -> None:
    """Run an earlier release again: its code and its config.

    Without a release, the newest one below the current whose run succeeded. It needs no build and no repository, it
    deletes nothing, and `deploy run` of what ran before undoes it.
    """
    from deployer.stages import rollback as stage

    call: Call = ctx.obj
    if config_from not in (None, "current"):
        raise UsageError(f"--config-from {config_from}: a rollback can keep the config that is `current`", hint="")
    with call.opened(write=True) as target:
        chosen = stage.choose(target, target.ledger.find(release).version if release else None)
        call.screen.note(_what_changes(call, target, chosen, keep_config=bool(config_from)))
        ran = stage.rollback(target, chosen, config_from_current=bool(config_from))
    outcome.show(ran, call.screen)


def _what_changes(call: Call, target: Target, chosen: LedgerRelease, *, keep_config: bool) -> str:
    """What the rollback will change, from the ledger alone: a rollback has no time to lose."""
    made = f"{release_name(chosen.version)} (commit {chosen.commit[:10]}, made {call.screen.moment(chosen.at)})"
    if target.ledger.current is None:
        return f"bringing up {made}"
    current = target.ledger.release(target.ledger.current)
    code = "the same build" if current.build == chosen.build else f"another build than commit {current.commit[:10]}"
    config = "the same config" if keep_config or current.config == chosen.config else "another config"
    return f"from {release_name(current.version)} back to {made}: {code}, {config}"
