"""How does a change of the config become a release, and with `--run` a run?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deployer.cli import failure, options, outcome
from deployer.cli.call import Call
from deployer.core.errors import DeployError
from deployer.core.names import release_name
from deployer.core.secret import Secret

if TYPE_CHECKING:
    from deployer.stages.config import Changed
    from deployer.stages.run import Ran
    from deployer.stages.target import Target


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
        changed = stage.change(target, store=store, unset=unset, expect=expected)
        ran = _run(target, changed) if run else None
        lost = target.incomplete(_done(changed))
    return _show(call, changed, ran, lost)


def replace(call: Call, after: Mapping[str, Secret], *, run: bool, expect: int | None) -> int:
    """Make the stored values exactly `after`, unless another release was made meanwhile; the exit code."""
    from deployer.stages import config as stage

    with call.opened(write=True, partial=not run) as target:
        changed = stage.replace(target, after, expect=expect)
        ran = _run(target, changed) if run else None
        lost = target.incomplete(_done(changed))
    return _show(call, changed, ran, lost)


def _run(target: Target, changed: Changed) -> Ran | None:
    from deployer.stages import run as stage

    return stage.run(target, changed.released.release, cause="config") if changed.released else None


def _done(changed: Changed) -> str:
    return f"{release_name(changed.released.release)} is released" if changed.released else "it is done"


def _show(call: Call, changed: Changed, ran: Ran | None, lost: DeployError | None) -> int:
    name = release_name(changed.released.release) if changed.released else None
    if not changed.names:
        call.screen.note("the values are so already; nothing was changed")
    elif changed.drafted:
        call.screen.note(f"kept for the first release: {', '.join(changed.names)}")
    elif name and not ran:
        call.screen.note(f"{name} is ready: `deploy run {name}`")
    document = {
        "names": changed.names,
        "release": name,
        "drafted": changed.drafted,
        "run": outcome.document(ran) if ran else None,
    }
    return failure.done(call.screen, document, [name] if name else [], lost)
