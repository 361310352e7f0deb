"""Crash loop: which releases ended again and again while they served here?

The launcher that sees it (agent/endings.py) leaves a mark in `run/processes`, the one folder that it may write to.  It
stays until the release is run again and succeeds, until it is pruned, or until the next switch finds that its processes
have lasted: what crashed for want of a database runs well again when that is back.
"""

from __future__ import annotations

import contextlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional

    from deployer.agent.layout import Layout
    from deployer.agent.managers import Instance

FOLDER, PREFIX = "run/processes", "crashed-v"
LASTING = 60.0  # seconds that a process has to be up until its crash loop is over
LONGEST = 300  # characters of a reason: the app's own user may write to that folder


def mark(root: str, release: int, text: str) -> None:
    """Note, for good, that `release` crashes again and again; only if it is the one that serves."""
    with contextlib.suppress(OSError):  # marked already, or no `current`, or a full disk
        if os.path.basename(os.readlink(f"{root}/current")) != f"v{release}":
            return
        name = f"{root}/{FOLDER}/{PREFIX}{release}"
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, text.encode(errors="replace"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def known(files: Layout) -> dict[int, str]:
    """The releases that are marked, each with the reason."""
    try:
        names = os.listdir(files.root / FOLDER)
    except OSError:
        return {}
    found = {}
    for name in names:
        version = name[len(PREFIX) :] if name.startswith(PREFIX) else ""
        if version.isascii() and version.isdigit():
            with contextlib.suppress(OSError):
                found[int(version)] = _text(f"{files.root}/{FOLDER}/{name}")
    return found


def _text(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, LONGEST).decode(errors="replace") or "it kept crashing"
    finally:
        os.close(descriptor)


def forget(files: Layout, release: int) -> None:
    """The release was run again and came up, or it is gone: nothing is held against it any more."""
    with contextlib.suppress(OSError):
        os.unlink(files.root / FOLDER / f"{PREFIX}{release}")


def judge(files: Layout, release: Optional[int], instances: Sequence[Instance]) -> None:
    """Before another release takes its place: mark the one that serves if it is failing; forgive it if it lasted."""
    own = [instance for instance in instances if instance.process.release == release]
    if release is None or not own:
        return
    for instance in own:
        if instance.failing:
            ended = f": it {instance.reason}" if instance.reason else ""
            mark(str(files.root), release, f"{instance.process.name} kept crashing{ended}")
    if all(i.pid and not i.failing and time.time() - i.since > LASTING for i in own):
        forget(files, release)
