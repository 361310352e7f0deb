"""`deploy exec --detach` and `--stop`: one-off processes that go on when the command is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.core.errors import UsageError
from deployer.core.names import process_name, release_name
from deployer.core.oneoffs import KIND

if TYPE_CHECKING:
    from deployer.stages.target import Target


def detach(call: Call, target: Target, command: list[str], version: int | None, kind: str) -> int:
    """Begin `command` on the primary, or on the one host that the target is narrowed to; prints its name."""
    from deployer.stages import detached

    session = target.primary if target.whole else target.fleet.named(target.settings.chosen[0])
    number, begun = detached.detach(target, session, command, version=version, kind=kind, by=call.operator.who)
    name = f"{KIND}.{number}"
    told = {"process": name, "host": session.host.name, "release": release_name(begun.release)}
    call.screen.answer(told, [name])
    call.screen.note(f"`deploy logs -f {name}` shows what it writes, `deploy exec --stop {name}` ends it")
    return 0


def stop(call: Call, target: Target, name: str) -> int:
    """End the process `name`, wherever it runs, and tell how it ended."""
    from deployer.stages import detached

    answers = detached.end(target, number_of(name))
    told = [
        {"process": name, "host": host, "release": release_name(ended.release), "ended": ended.how}
        for host, ended in answers.replies.items()
    ]
    lines = [f"{name} {one['ended']}" for one in told]
    return failure.answer(call.screen, {"processes": told}, lines, answers.failures)


def number_of(name: str) -> int:
    """The number of `run.3`; `UsageError` for anything else."""
    kind, number = process_name(name) or ("", None)
    if kind != KIND or not number:
        raise UsageError(f"--stop: {name!r} is no one-off process", hint="say it as run.3; `deploy ps` lists them")
    return number
