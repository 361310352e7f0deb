"""How did a process last end, is it failing, and how long is it held back?

Its manager writes down how it ended, and the launcher keeps that at the next start.  systemd 252 restarts always after
the same time, so there it is the launcher that waits: longer after every short life, up to a minute, and for as long as
it takes.
"""

from __future__ import annotations

import contextlib
import os
import time

from deployer.agent import started
from deployer.core.turn import TURN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from deployer.agent.started import Started

FOLDER = "run/exits"
SHORT, LONGEST = 60.0, 60.0  # seconds: of a life that is no success, and of a pause
MANY, SELDOM = (
    3,
    10,
)  # short lives, one after the other, of a process that is failing; how many until that is told again
CLOCK = 0.1  # seconds that the clock of files may be behind


def last(root: str, kind: str, release: int, number: int) -> str:
    """`exited with code 1 after 0.4 s`, or ''; of the process that the launcher's record still names."""
    path = _noted(root, kind, release, number)
    record = started.read(root, started.key(release, kind, number))
    result, code, status = [*_words(path), "", "", ""][:3]
    try:
        at = os.stat(path).st_mtime
    except OSError:
        return ""
    return sentence(result, code, status, at - record.at if record else None)


def killed(root: str, kind: str, release: int, number: int) -> bool:
    """Whether the process of a unit did not stop in time, and was killed."""
    return "KILLED" in _words(_noted(root, kind, release, number))


def _noted(root: str, kind: str, release: int, number: int) -> str:
    return f"{root}/{FOLDER}/{kind}@{release}-{number}"


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split()
    except OSError:
        return []


def sentence(result: str, code: str, status: str, seconds: Optional[float]) -> str:
    """How it ended, of systemd's own words: `exit-code`, `exited`, `3`; `signal`, `killed`, `TERM`."""
    if result == "oom-kill":
        how = "was killed for want of memory"
    elif result == "watchdog":
        how = "was killed by its watchdog"
    elif code in ("killed", "dumped"):
        how = f"was killed by SIG{status}" + (" and dumped core" if code == "dumped" else "")
    elif code == "exited":
        how = f"exited with code {status}"
    else:
        return f"could not be started by systemd ({result})" if result not in ("", "success") else ""
    return how if seconds is None else f"{how} after {max(0.0, seconds):.1f} s"


def failing(record: Optional[Started], *, crashed: float = 0.0) -> bool:
    """Whether the process of this record has ended again and again, each time soon after its start.

    `crashed` is when it did so last, 0.0 where it runs; one that has run for long is failing no more.
    """
    if record is None:
        return False
    short = (crashed or time.time()) - record.at < SHORT
    return short and record.quick + (1 if crashed else 0) >= MANY


def lives(root: str, key: str, before: Started, *, by_systemd: bool) -> dict[str, Any]:
    """What is to be noted of the lives of a process that starts again: how the last one ended, how many were short."""
    if by_systemd:
        ended, quick = last(root, *started.parse(key)), short_lives(before, time.time() - before.at)
        _tell(root, key, ended, quick)
        hold_back(quick)
        return {"ended": ended, "quick": quick}
    with contextlib.suppress(FileNotFoundError):
        os.unlink(started.killed_mark(root, key))
    known = started.last_end(root, key)
    if known is None or known[2] < before.at - CLOCK:
        ended, quick = "was ended after its supervisord", before.quick
    else:
        ended, quick = known[0], short_lives(before, known[1])
    _tell(root, key, ended, quick)
    return {"ended": ended, "quick": quick}


def _tell(root: str, key: str, ended: str, quick: int) -> None:
    """Note a start that nobody asked for; of a process that is failing, not each one."""
    kind, release, number = started.parse(key)
    if quick >= MANY and number % TURN:
        from deployer.agent import crash_loops  # noqa: PLC0415 - so does one that never fails

        crash_loops.mark(root, release, f"{kind}.{number % TURN} kept crashing" + (f": it {ended}" if ended else ""))
    if number % TURN == 0 or (quick > 1 and quick != MANY and not _is_round(quick)):
        return
    from deployer.agent import events  # noqa: PLC0415 - a launcher that has nothing to tell does without

    how = f"{kind}.{number % TURN}: {ended or 'nobody saw how it ended'}"
    if quick < MANY:
        events.note_alone(root, "crashed", release=release, text=how)
    else:
        events.note_alone(root, "failing", release=release, text=f"{how}, {quick} times in a row")


def _is_round(count: int) -> bool:
    """Whether it is one of 10, 20 … 90, 100, 200 … 900, 1000 …: a crash loop does not fill the disk."""
    return count >= 10 and count % 10 ** (len(str(count)) - 1) == 0


def short_lives(before: Started, seconds: float) -> int:
    """How many short lives there were without a long one between them, when the last one took so long."""
    return before.quick + 1 if seconds < SHORT else 0


def hold_back(quick: int) -> None:
    """Wait as long as befits so many short lives: not at all after a long one."""
    time.sleep(min(LONGEST, 2.0**quick - 2) if quick else 0)


def forget(root: str, kind: str, release: int, number: int) -> None:
    """The next start is the first again."""
    started.forget(root, started.key(release, kind, number))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_noted(root, kind, release, number))
