"""Which processes of supervisord did not stop in time?  A mark for each that was killed, and one event.

supervisord kills what has not ended after its stop_timeout, and so does who waits for it: whoever makes the mark first
writes the event (hosts/supervisord_main.py does the same).  The mark goes when the process is forgotten.
"""

from __future__ import annotations

import contextlib
import os

from deployer.agent import events, started
from deployer.agent.layout import Layout
from deployer.core.turn import TURN


def killed(files: Layout, key: str, seconds: float) -> None:
    """Note that the process did not stop within `seconds`, and was killed."""
    mark = started.killed_mark(str(files.root), key)
    with contextlib.suppress(OSError):  # it is noted already, or the disk is full
        os.makedirs(os.path.dirname(mark), mode=0o700, exist_ok=True)
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        kind, release, number = started.parse(key)
        text = f"{kind}.{number % TURN}: did not stop within {seconds:g} s, and was killed"
        events.note(files, "killed", release=release, text=text)


def was_killed(root: str, key: str) -> bool:
    """Whether the process did not stop in time."""
    return os.path.exists(started.killed_mark(root, key))
