"""`deploy rollback`: a run of an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import failure, heading, options, outcome
from deployer.cli.call import Call
from deployer.cli.options import Release
from deployer.core import history
from deployer.core.errors import HostFailed, HostUnreachable, UsageError
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
) -> int:
    """Run an earlier release again: its code and its config.

    Without a release, the newest one below the current that served and is fit: not one that failed, was rolled back
    from or past, keeps crashing, or equals the current one; it says which it skipped. It needs no build and no
    repository, it deletes nothing, and `deploy run` of what ran before undoes it. With --expect it goes back once,
    however often it is typed.
    """
    from deployer.stages import intents
    from deployer.stages import rollback as stage

    call: Call = ctx.obj
    if config_from not in (None, "current"):
        raise UsageError(f"--config-from {config_from}: a rollback can keep the config that is `current`", hint="")
    expected = options.release_number("--expect", expect)
    with call.opened(write=True) as target:
        if release:
            history.expect_current(target.ledger, expected)
            left = None
        else:
            left = stage.begin(target, code_only=bool(config_from), expected=expected)
        if left is not None:
            _finish(call, target, left)
        else:
            _go_back(call, target, release, keep_config=bool(config_from))
        if not release:
            return failure.afterwards(call.screen, intents.end(target))
    return 0


def _finish(call: Call, target: Target, left: int) -> None:
    """Bring up everywhere what a bare rollback from `left` has reached, which was cut off."""
    from deployer.stages import rollback as stage

    heading.begin(call, target, f"rollback {release_name(left)} → {heading.now(target)}", "was cut off: is finished")
    ran = stage.finish(target)
    outcome.show(ran, call, heading.commit_of(target, ran.release), skipped=[])


def _go_back(call: Call, target: Target, release: str | None, *, keep_config: bool) -> None:
    """Run the release that was named, or the one that a bare rollback chooses."""
    from deployer.stages import rollback as stage

    choice = stage.choose(target, target.ledger.find(release).version if release else None, code_only=keep_config)
    heading.begin(call, target, *_what_changes(call, target, choice.release, keep_config=keep_config))
    if choice.skipped:
        call.screen.note(f"skipped {history.told(choice.skipped)}")
    try:
        ran = stage.rollback(target, choice.release, config_from_current=keep_config)
    except (HostUnreachable, HostFailed) as error:
        if not release and not keep_config:
            error.hint += f"; `deploy rollback {release_name(choice.release.version)}` says the same by name"
        raise
    skipped = [{"release": release_name(one.version), "why": one.why} for one in choice.skipped]
    outcome.show(ran, call, heading.commit_of(target, ran.release), skipped=skipped)


def _what_changes(call: Call, target: Target, chosen: LedgerRelease, *, keep_config: bool) -> list[str]:
    """What the rollback will change, from the ledger alone: a rollback has no time to lose."""
    number = target.ledger.next_version if keep_config and target.ledger.current else chosen.version
    told = [f"rollback {heading.step(target, number)}", heading.commit(target, chosen.commit)]
    told.append(f"made {call.screen.moment(chosen.at)}")
    if target.ledger.current is None:
        return told
    current = target.ledger.release(target.ledger.current)
    code = "the same build" if current.build == chosen.build else "another build"
    config = "the same config" if keep_config or current.config == chosen.config else "another config"
    return [*told, f"{code}, {config}"]
