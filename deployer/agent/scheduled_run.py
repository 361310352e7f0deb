"""What is done for one moment of a schedule, and what is told of its end?

`due` is the embedded manager's: it holds the lock of the type's one run from before it looks until all is over, so that
two never run at a time, whoever is killed or started anew meanwhile.  `ran` is for systemd, which sees to all that by
itself: it only tells the end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from deployer.agent import endings, events, leftovers, scheduled, started, supervisor_conf
from deployer.agent.layout import Layout
from deployer.agent.lock import alone
from deployer.agent.python import interpreter
from deployer.agent.scheduled import Job
from deployer.core.formation import Process
from deployer.core.signals import signal_name

LONGEST_LOG, KEPT_LOGS = 10 << 20, 3


def due(arguments: list[str]) -> None:
    """`APP TARGET TYPE MOMENT SCHEDULE`: run the type for this moment, unless it runs still or was run for it.

    A moment of a schedule that it has no longer is none.
    """
    app, target, kind, moment, schedule = arguments
    files = Layout(Path(os.path.abspath(sys.argv[0])).parent.parent.parent, app, target)
    with alone(scheduled.lock_path(files, kind), 0o600) as only:
        lives = scheduled.running(files, kind) is not None
        if not only and not lives:  # another one is just beginning for this very moment
            return
        job, first = scheduled.find(files, kind), _first(files, kind, float(moment))
        if job is not None and job.schedule == schedule and first and not lives:
            _run(files, job)


def ran(arguments: list[str]) -> None:
    """`ROOT APP TARGET TYPE`, by systemd when the run is over: tell how it ended."""
    root, app, target, kind = arguments
    files = Layout(Path(root), app, target)
    result, code, status = (os.environ.get(name, "") for name in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"))
    _tell(files, kind, int(os.environ.get("RELEASE") or 0), result, code, status)


def _first(files: Layout, kind: str, moment: float) -> bool:
    """Whether nothing was run for this moment yet; from here on it was."""
    if moment <= scheduled.done(files, kind) < moment + scheduled.AHEAD:
        return False
    scheduled.done_with(files, kind, moment)
    return True


def _run(files: Layout, job: Job) -> None:
    """Run it to its end, with its output in its log, and leave nothing of it behind."""
    log = f"{files.root}/{supervisor_conf.log(Process(job.release, job.type, 1, 0))}"
    _rotate(log)
    launcher = f"{files.release(job.release)}/agent.pyz"
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [interpreter(), "-IS", launcher, "launch", job.type, "1", "--scheduled"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    code = process.wait()
    record = started.read(str(files.root), started.scheduled_key(job.type))
    if record is not None and record.pid == process.pid:
        leftovers.end(record)
    how = ("exited", str(code)) if code >= 0 else ("killed", signal_name(-code))
    _tell(files, job.type, job.release, "", *how)


def _tell(files: Layout, kind: str, release: int, result: str, code: str, status: str) -> None:  # noqa: PLR0917
    """Note the end as an event, and for whoever looks; then forget the run."""
    key = started.scheduled_key(kind)
    record = started.read(str(files.root), key)
    lasted = None if record is None else time.time() - record.at
    sentence = endings.sentence(result, code, status, lasted)
    events.note(files, "ran", release=release, text=f"{kind}: {sentence}")
    with contextlib.suppress(OSError):  # a full disk: there is the event, or nothing
        scheduled.keep_ending(files, kind, sentence)
    started.forget(str(files.root), key)


def _rotate(log: str) -> None:
    """Set a long log aside, as supervisord does with those of processes."""
    os.makedirs(os.path.dirname(log), mode=0o700, exist_ok=True)
    if not os.path.exists(log) or os.path.getsize(log) < LONGEST_LOG:
        return
    for number in range(KEPT_LOGS, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{log}.{number - 1}" if number > 1 else log, f"{log}.{number}")
