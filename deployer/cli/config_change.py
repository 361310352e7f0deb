"""How does a change of the config become a release, and with `--run` a run?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deployer.cli import failure, heading, options, outcome
from deployer.cli.call import Call
from deployer.core.errors import DeployError
from deployer.core.names import release_name
from deployer.core.secret import Secret

if TYPE_CHECKING:
    from deployer.stages.config import Changed
    from deployer.stages.run import Ran


def change(
    call: Call,
    *,
    store: Mapping[str, Secret] | None = None,
    unset: Sequence[str] = (),
    run: bool,
    expect: str | None,
) -> int:
    """Store values and take stored ones away; the exit code."""
    from deployer.stages import config as stage

    expected = options.release_number("--expect", expect)
    with call.opened(write=True, partial=not run) as target:
        heading.begin(call, target, heading.now(target), _doing(store or {}, unset))
        changed = stage.change(target, store=store, unset=unset, expect=expected)
        ran = stage.run(target, changed) if run else None
        waiting = changed.holding if changed.holding != target.ledger.current else None
        lost = target.incomplete(_done(changed))
    return _show(call, changed, ran, lost, waiting)


def replace(call: Call, after: Mapping[str, Secret], *, run: bool, expect: int | None) -> int:
    """Make the stored values exactly `after`, unless another release was made meanwhile; the exit code."""
    from deployer.stages import config as stage

    with call.opened(write=True, partial=not run) as target:
        heading.begin(call, target, heading.now(target), "edit the config")
        changed = stage.replace(target, after, expect=expect)
        ran = stage.run(target, changed) if run else None
        waiting = changed.holding if changed.holding != target.ledger.current else None
        lost = target.incomplete(_done(changed))
    return _show(call, changed, ran, lost, waiting)


def _doing(store: Mapping[str, Secret], unset: Sequence[str]) -> str:
    """`set TOKEN, unset DEBUG`: names, never a value."""
    told = [f"set {heading.several(list(store))}"] if store else []
    return ", ".join([*told, *([f"unset {heading.several(unset)}"] if unset else [])])


def _done(changed: Changed) -> str:
    return f"{release_name(changed.released.release)} is released" if changed.released else "it is done"


def _show(call: Call, changed: Changed, ran: Ran | None, lost: DeployError | None, waiting: int | None) -> int:
    """Answer with what was done; `waiting` is the release that has the values, where it is not current."""
    name = release_name(changed.released.release) if changed.released else None
    if changed.drafted:
        call.screen.note(f"kept for the first release: {', '.join(changed.names)}")
    elif not changed.names:
        call.screen.note(_unchanged(ran, waiting))
    elif name and not ran:
        call.screen.note(f"{name} is ready: `deploy run {name}`")
    if ran:
        heading.end(call, heading.live(ran), *([f"changed: {heading.several(changed.names)}"] if changed.names else []))
    document = {
        "names": changed.names,
        "release": name,
        "drafted": changed.drafted,
        "run": outcome.document(ran) if ran else None,
    }
    if ran and not name:
        name = release_name(ran.release)
    return failure.done(call.screen, document, [name] if name else [], lost)


def _unchanged(ran: Ran | None, waiting: int | None) -> str:
    """What is told where the values were so already: is the release that has them running, too?"""
    if ran:
        having, how = ran.release, "; it runs now" if ran.changed else " and runs already"
    elif waiting is not None:
        having, how = waiting, f", but does not run: `deploy run {release_name(waiting)}`"
    else:
        return "nothing was changed: the values are so already"
    return f"nothing was changed: {release_name(having)} has these values{how}"
