"""May this command change the target?  Asked where it is protected, or where commands went elsewhere until now."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli import heading
from deployer.core.errors import UsageError
from deployer.settings import LOCAL

if TYPE_CHECKING:
    from deployer.cli.call import Call
    from deployer.settings import TargetSettings

FOLDER = ".targets"  # beside the apps' own folders: where commands that named no target went last


def ask(call: Call, target: TargetSettings) -> None:
    """Return when the caller has agreed, or needs not; `UsageError` where not."""
    if target.name in call.agreed:
        return
    before = _before(call) if not call.target else target.name
    place = heading.place(call.project.settings.app, target)
    if before not in (target.name, ""):
        told = f"deploy.yaml has changed: without `-t` this goes to {place.partition(' → ')[2]}, no longer to {before}"
        if call.yes or not _person(call):
            call.screen.warn(f"{told}; `-t {before}` goes there")
        elif _answer(call, f"{told}. Go on? [y/N] ").lower() not in ("y", "yes"):
            raise UsageError(
                "nothing was done", hint=f"`-t {before}` goes to {before}, `-t {target.name}` asks no more"
            )
    if target.protect and not call.yes:
        if not _person(call):
            raise UsageError(f"{target.name} is protected", hint="`--yes` says that it is meant")
        if _answer(call, f"{place} is protected. Type {target.name} to go on: ") != target.name:
            raise UsageError("nothing was done: that is not its name", hint="`--yes` asks nothing")
    if not call.target:
        _remember(call, target.name)
    call.agreed.add(target.name)


def _person(call: Call) -> bool:
    """Whether there is somebody to ask."""
    there = sys.stdin is not None and sys.stdin.isatty() and call.screen.err.isatty()
    return there and not call.environ.get("CI")


def _answer(call: Call, question: str) -> str:
    call.progress.stop()
    call.screen.write_error(question.encode())
    return sys.stdin.readline().strip()


def _before(call: Call) -> str:
    """Where commands that named no target went until now; '' where there were none."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return _memory(call).read_text().strip()
    here = call.project.settings.targets[LOCAL].path
    root = Path(here).expanduser() if here else call.operator.root(call.project.settings.app)
    with contextlib.suppress(OSError):
        return LOCAL if any((root / "ledger").iterdir()) else ""
    return ""


def _remember(call: Call, name: str) -> None:
    """For the next command; one that cannot be told is asked again."""
    memory = _memory(call)
    with contextlib.suppress(OSError):
        memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = memory.with_suffix(f".{os.getpid()}")
        new.write_text(f"{name}\n")
        new.replace(memory)


def _memory(call: Call) -> Path:
    path = str(call.project.settings.path.absolute())
    return call.operator.state / FOLDER / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
