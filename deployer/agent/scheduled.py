"""What is to run at which times?  The files in `run/scheduled` are the truth: one for each process type, by its name.

systemd reads the release from them at each start, the embedded manager everything.  Beside them stand, for each type,
the moment up to which its times are done with, the lock of its one run, and how the last one ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Optional

from deployer.agent import durable, procfs, started
from deployer.agent.layout import Layout
from deployer.core.message import message
from deployer.core.names import PROCESS_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deployer.core.calendar import Moment

FOLDER = "run/scheduled"
DONE, LOCK, ENDED = ".done-", ".lock-", ".ended-"
YOUNG = 60.0  # seconds in which a file may still be being written
LATE, AHEAD = 60.0, 3600.0  # seconds: what is caught up on, and what is a clock that was wrong


@message
class Job:
    """A process type that runs at its times, from `release`; `stop_timeout` in seconds."""

    type: str
    release: int
    schedule: str
    stop_timeout: float


def read(files: Layout) -> list[Job]:
    """All that is to run at its times, by type."""
    return [job for job in (find(files, name) for name in names(files)) if job]


def names(files: Layout) -> list[str]:
    """The types of which there is a file, of this boot or an earlier one."""
    try:
        return sorted(name for name in os.listdir(files.root / FOLDER) if PROCESS_TYPE.match(name))
    except FileNotFoundError:
        return []


def find(files: Layout, kind: str) -> Optional[Job]:
    """The type's job, or None where it has none since this boot: what an earlier one had may be current no longer."""
    try:
        values = dict(line.split("=", 1) for line in (files.root / FOLDER / kind).read_text().splitlines())
        if values["BOOT"] != procfs.boot():
            return None
        return Job(kind, int(values["RELEASE"]), values["SCHEDULE"], float(values["STOP_TIMEOUT"]))
    except (FileNotFoundError, ValueError, KeyError):  # none, or what a broken disk has left of it
        return None


def write(files: Layout, job: Job) -> None:
    """From here on this is to run; times that another schedule has missed are not caught up on."""
    known = find(files, job.type)
    if known == job:
        return
    durable.make_directory(files.root / FOLDER, mode=0o700)
    if known is None or known.schedule != job.schedule:
        done_with(files, job.type, time.time())
    lines = [
        f"BOOT={procfs.boot()}",
        f"RELEASE={job.release}",
        f"STOP_TIMEOUT={job.stop_timeout:g}",
        f"SCHEDULE={job.schedule}",
    ]
    text = "".join(f"{line}\n" for line in lines)
    durable.write(files.root / FOLDER / job.type, text.encode(), mode=0o600, name="scheduled")


def remove(files: Layout, kind: str) -> None:
    """From here on no run of this type begins."""
    durable.remove(files.root / FOLDER / kind, name="scheduled")
    for beside in (DONE, ENDED):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(files.root / FOLDER / f"{beside}{kind}")


def sweep(files: Layout) -> None:
    """Remove what a kill has left half written; only the holder of the target's lock may.

    What is written without that lock, by a run or for one, may be just getting its name.
    """
    for path in (files.root / FOLDER).glob(f"{durable.TEMPORARY}*"):
        with contextlib.suppress(FileNotFoundError):  # it has it now
            if abs(time.time() - path.lstat().st_mtime) > YOUNG:
                durable.remove(path, name="sweep")


def done_with(files: Layout, kind: str, moment: float) -> None:
    """The type's times up to `moment` (seconds of the epoch) are done with."""
    _note(files.root / FOLDER / f"{DONE}{kind}", f"{moment:.3f}")


def done(files: Layout, kind: str) -> float:
    """Up to which moment the type's times are done with; 0 where nobody knows."""
    try:
        return float(_noted(files.root / FOLDER / f"{DONE}{kind}"))
    except ValueError:
        return 0.0


def begin_after(files: Layout, kind: str, now: float) -> float:
    """After which moment the type's next time is looked for: a restart of ours forgets none, nor does one run twice."""
    known = done(files, kind)
    return max(known, now - LATE) if 0 < known < now + AHEAD else now


def next_moment(job: Job, after: float) -> Optional[float]:
    """The job's first moment after `after`, both in seconds of the epoch, by this host's own clock.

    An hour that the clock repeats or leaves out matters only to what runs in particular hours: that runs once.
    """
    from deployer.core import schedule  # noqa: PLC0415 - every session looks here, and few look further

    calendar, now = schedule.parse(job.schedule), time.localtime(after)
    found = calendar.next_time(_wall(now))
    if calendar.every_hour:
        return None if found is None else float(round(_seconds(found) - now.tm_gmtoff))
    while found is not None and time.mktime((*found, 0, 0, -1)) <= after:
        found = calendar.next_time(found)
    return None if found is None else time.mktime((*found, 0, 0, -1))


def _wall(now: time.struct_time) -> Moment:
    return now.tm_year, now.tm_mon, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec


def _seconds(moment: Moment) -> int:
    """Seconds of the epoch, were it the time in UTC."""
    from deployer.core.calendar import day_number  # noqa: PLC0415

    return ((day_number(moment[:3]) * 24 + moment[3]) * 60 + moment[4]) * 60 + moment[5]


def is_one(files: Layout, version: int, kind: str) -> bool:
    """Whether the type runs at its times in that release."""
    try:
        told = json.loads((files.release(version) / "release.json").read_bytes())
    except (OSError, ValueError):
        return False
    kinds = told.get("launch", {}).get("processes", ())
    return any(known.get("name") == kind and known.get("schedule") for known in kinds)


def running(files: Layout, kind: str) -> Optional[started.Started]:
    """The type's run that is not over yet, or None."""
    record = started.read(str(files.root), started.scheduled_key(kind))
    return record if record is not None and procfs.started(record.pid) == record.ticks else None


def release_of(record: started.Started) -> int:
    """The release that a run is of."""
    marks = dict(mark.partition("=")[::2] for mark in record.marks)
    return int(marks["DEPLOY_RELEASE"][1:])


def lock_path(files: Layout, kind: str) -> Path:
    """Who holds flock(2) on this is the type's one run."""
    return files.root / FOLDER / f"{LOCK}{kind}"


def locks(files: Layout) -> list[str]:
    """The types of which a run may have begun once."""
    return [path.name[len(LOCK) :] for path in (files.root / FOLDER).glob(f"{LOCK}*")]


def keep_ending(files: Layout, kind: str, sentence: str) -> None:
    """Note how the type's last run has ended."""
    _note(files.root / FOLDER / f"{ENDED}{kind}", sentence)


def last_ending(files: Layout, kind: str) -> str:
    """How the type's last run has ended, ''."""
    return _noted(files.root / FOLDER / f"{ENDED}{kind}")


def _note(path: Path, text: str) -> None:
    """Whole or not at all; not synced, since it is worth little after a power cut."""
    part = path.with_name(f"{durable.TEMPORARY}{path.name}-{os.getpid()}")
    part.write_text(text)
    os.rename(part, path)


def _noted(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
