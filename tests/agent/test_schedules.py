"""What runs at its times runs then, never twice at a time, and everybody hears how it ended: with every manager."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.agent import durable, events, procfs, scheduled, schedules, stage, started
from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor
from deployer.core.formation import Process
from deployer.core.requests import Seen

from .managed import MANAGERS, ODD
from .releases import a_release, a_target, a_type, wait_for

OFTEN = "*:*:*"  # every second
NEVER_SOON = "*-02-29 03:00"
NOTES = 'echo "begin $DEPLOY_RELEASE $(cut -d" " -f1 /proc/uptime)" >>"$DEPLOY_ROOT/shared/notes"'
SLOW = f'{NOTES}; sleep 1.3; echo end >>"$DEPLOY_ROOT/shared/notes"'


@pytest.fixture(params=list(MANAGERS))
def build(request) -> Callable[[Layout], Supervisor]:
    return MANAGERS[request.param]


@pytest.fixture(params=["plain", ODD], ids=["plain", "odd"])
def files(request, tmp_path: Path) -> Layout:
    made = a_target(tmp_path / request.param)
    (made.root / "shared").mkdir()
    return made


@pytest.fixture
def manager(build, files) -> Iterator[Supervisor]:
    made = build(files)
    made.ensure()
    yield made
    made.shutdown()


def arm(files: Layout, manager: Supervisor, version: int, **share: int) -> None:
    """Have the types of the release that are in `share` run at their times."""
    schedules.apply(files, manager, stage.spec(files, version), share)


def notes(files: Layout) -> list[str]:
    """What the runs have written so far, a line each."""
    path = files.root / "shared/notes"
    return [line.split(" ")[0] for line in path.read_text().splitlines()] if path.exists() else []


def releases(files: Layout) -> list[str]:
    """The releases of the runs so far."""
    lines = (files.root / "shared/notes").read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith("begin")]


def told(files: Layout) -> list[str]:
    """How the runs have ended, as the events tell."""
    return [entry["text"] for entry in events.read(files, 1000) if entry["event"] == "ran"]


def seen(files: Layout, manager: Supervisor) -> Seen:
    """The only line that `ps` has of what is scheduled."""
    (found,) = schedules.seen(files, manager)
    return found


def test_it_runs_at_its_times_and_its_outcome_and_output_are_kept(files, manager):
    a_release(files, 1, a_type("report", f"{NOTES}; echo done; exit 3", schedule=OFTEN))
    arm(files, manager, 1, report=1)
    wait_for(lambda: len(told(files)) >= 2)
    assert told(files)[0].startswith("report: exited with code 3 after ")
    wait_for(lambda: b"done" in manager.tail(Process(1, "report", 1, 0), 10))
    assert seen(files, manager).process == "report.1"


def test_what_is_not_in_the_formation_does_not_run(files, manager):
    a_release(files, 1, a_type("report", NOTES, schedule=OFTEN), a_type("other", NOTES, schedule=OFTEN))
    arm(files, manager, 1, report=0)
    assert schedules.seen(files, manager) == []
    arm(files, manager, 1, other=1)
    assert seen(files, manager).process == "other.1"


def test_until_then_it_is_seen_with_its_next_time_and_while_it_runs_as_up(files, manager):
    a_release(files, 1, a_type("report", "sleep 600", schedule=NEVER_SOON))
    a_release(files, 2, a_type("report", "sleep 600", schedule=OFTEN, stop_timeout=1))
    arm(files, manager, 1, report=1)
    wait_for(lambda: seen(files, manager).state == "scheduled")
    assert seen(files, manager).reason.startswith("next 20")
    assert "-02-29 03:00:00" in seen(files, manager).reason
    arm(files, manager, 2, report=1)
    wait_for(lambda: seen(files, manager).state == "up")
    assert (seen(files, manager).release, procfs.started(seen(files, manager).pid) is not None) == (2, True)


def test_two_never_run_at_a_time_also_across_a_switch(files, manager):
    for version in (1, 2):
        a_release(files, version, a_type("report", SLOW, schedule=OFTEN))
    arm(files, manager, 1, report=1)
    wait_for(lambda: notes(files)[-1:] == ["begin"])
    arm(files, manager, 2, report=1)
    wait_for(lambda: releases(files).count("v2") >= 2)
    wait_for(lambda: notes(files)[-1:] == ["end"])
    assert releases(files)[0] == "v1"  # and it was not cut off:
    found = notes(files)
    assert found[: len(found) // 2 * 2] == ["begin", "end"] * (len(found) // 2)


def test_a_run_of_the_release_before_is_seen_as_draining(files, manager):
    for version in (1, 2):
        a_release(files, version, a_type("report", "sleep 600", schedule=OFTEN, stop_timeout=1))
    arm(files, manager, 1, report=1)
    wait_for(lambda: seen(files, manager).state == "up")
    arm(files, manager, 2, report=1)
    states = {(line.release, line.state) for line in schedules.seen(files, manager)}
    assert states == {(1, "draining"), (2, "scheduled")}


def test_stop_ends_a_run_and_none_begins_again(files, manager):
    a_release(files, 1, a_type("report", f"{NOTES}; sleep 600", schedule=OFTEN, stop_timeout=1))
    arm(files, manager, 1, report=1)
    wait_for(lambda: seen(files, manager).state == "up")
    pid = seen(files, manager).pid
    schedules.apply(files, manager, stage.spec(files, 1), {"report": 1}, stopped=True)
    assert procfs.started(pid) is None
    assert schedules.seen(files, manager) == []
    wait_for(lambda: told(files)[-1:] and "killed by SIGTERM" in told(files)[-1])
    count = len(notes(files))
    time.sleep(2.2)  # two more of its times go by
    assert len(notes(files)) == count


def test_a_type_that_is_another_hosts_from_now_on_runs_here_no_longer(files, manager):
    a_release(files, 1, a_type("report", f"{NOTES}; sleep 600", schedule=OFTEN, stop_timeout=1))
    arm(files, manager, 1, report=1)
    wait_for(lambda: seen(files, manager).state == "up")
    pid = seen(files, manager).pid
    arm(files, manager, 1)
    assert procfs.started(pid) is None
    assert schedules.seen(files, manager) == []


def test_what_a_run_leaves_behind_ends_with_it(files, manager):
    a_release(files, 1, a_type("report", f"{NOTES}; setsid sleep 600 & sleep 0.2", schedule=OFTEN, stop_timeout=1))
    arm(files, manager, 1, report=1)
    wait_for(lambda: told(files))
    schedules.apply(files, manager, None, {})
    marks = f"DEPLOY_ROOT={files.root}".encode()
    wait_for(lambda: not any(procfs.carries(p.pid, [os.fsdecode(marks)]) for p in procfs.everyone()))


def test_doing_it_twice_changes_nothing(files, manager):
    a_release(files, 1, a_type("report", NOTES, schedule=NEVER_SOON))
    arm(files, manager, 1, report=1)
    wait_for(lambda: seen(files, manager).state == "scheduled")
    before = {path: path.stat().st_mtime_ns for path in (files.root / "run").rglob("*") if path.is_file()}
    arm(files, manager, 1, report=1)
    manager.ensure()
    after = {path: path.stat().st_mtime_ns for path in (files.root / "run").rglob("*") if path.is_file()}
    assert {path: at for path, at in after.items() if path in before and path.suffix != ".pid"} == {
        path: at for path, at in before.items() if path.suffix != ".pid"
    }


def half_written(files: Layout, kind: str, age: float) -> Path:
    """What was begun to be noted of a type so many seconds ago."""
    folder = files.root / scheduled.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{durable.TEMPORARY}{scheduled.DONE}{kind}-77"
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_a_run_is_just_writing_is_not_swept(files):
    old, young = half_written(files, "old", 100), half_written(files, "young", 1)
    scheduled.sweep(files)
    assert (old.exists(), young.exists()) == (False, True)


SWEEP = """\
import sys
from pathlib import Path
from deployer.agent import scheduled
from deployer.agent.layout import Layout
scheduled.sweep(Layout(Path(sys.argv[1]), "shop", "local"))
"""


def test_a_sweep_bears_that_something_gets_its_name_meanwhile(files):
    path = half_written(files, "report", 100)
    environ = {**os.environ, "DEPLOYER_FAULT": "sweep.unlink:1:stop"}
    with subprocess.Popen([sys.executable, "-c", SWEEP, files.root], env=environ) as sweeper:
        wait_for(lambda: procfs.stat(sweeper.pid).state == "T")
        path.rename(path.with_name("named"))
        sweeper.send_signal(signal.SIGCONT)
    assert sweeper.returncode == 0


class TestTheEmbeddedManager:
    """What systemd does by itself, and our scheduler has to."""

    @pytest.fixture
    def build(self):
        return Supervisor

    @staticmethod
    def scheduler(files: Layout) -> int:
        """The pid of the one scheduler."""
        found = [p.pid for p in procfs.everyone() if p.alive and "schedule" in procfs.arguments(p.pid)]
        (pid,) = [pid for pid in found if Path(f"/proc/{pid}/cwd").resolve() == files.root.resolve()]
        return pid

    def test_a_scheduler_that_is_killed_comes_again_and_the_run_goes_on(self, files, manager):
        a_release(files, 1, a_type("report", SLOW, schedule=OFTEN))
        arm(files, manager, 1, report=1)
        for count in (1, 2, 3):
            wait_for(lambda count=count: notes(files).count("begin") >= count and notes(files)[-1] == "begin")
            os.kill(self.scheduler(files), signal.SIGKILL)
        wait_for(lambda: notes(files).count("end") >= 4)
        found = notes(files)
        assert found[: len(found) // 2 * 2] == ["begin", "end"] * (len(found) // 2)
        assert all("exited with code 0" in text for text in told(files))

    def test_a_supervisord_that_is_killed_is_no_matter_to_a_run(self, files, manager):
        a_release(files, 1, a_type("report", f"{NOTES}; sleep 3; {NOTES}", schedule=OFTEN))
        arm(files, manager, 1, report=1)
        wait_for(lambda: notes(files) == ["begin"])
        old = self.scheduler(files)
        os.kill(int((files.root / "run/supervisord.pid").read_text()), signal.SIGKILL)
        wait_for(lambda: procfs.started(old) is None)
        manager.ensure()
        wait_for(lambda: notes(files) == ["begin", "begin"])
        wait_for(lambda: seen(files, manager).state in ("scheduled", "up"))

    def test_no_scheduler_runs_where_nothing_has_a_schedule(self, files, manager):
        a_release(files, 1, a_type("web", "sleep 600"))
        arm(files, manager, 1, web=1)
        with pytest.raises(ValueError, match="not enough values"):
            self.scheduler(files)

    def test_a_moment_that_went_by_while_nobody_looked_is_caught_up_on_once(self, files):
        a_release(files, 1, a_type("report", NOTES, schedule="*:*:0/20"))
        job = scheduled.Job("report", 1, "*:*:0/20", 1)
        scheduled.write(files, job)
        scheduled.done_with(files, "report", 1_000_000_001)
        assert scheduled.next_moment(job, scheduled.begin_after(files, "report", 1_000_000_030)) == 1_000_000_020
        scheduled.done_with(files, "report", 1_000_000_020)
        assert scheduled.next_moment(job, scheduled.begin_after(files, "report", 1_000_000_030)) == 1_000_000_040
        long_after = scheduled.begin_after(files, "report", 1_000_009_000)
        assert long_after == 1_000_009_000 - scheduled.LATE


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Asia/Kolkata"])
def test_a_clock_that_is_put_back_repeats_nothing_that_runs_at_a_certain_hour(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = moments("30 2 * * *", 1_792_857_600, days=3)  # around 2026-10-25, 3:00 in Berlin
        assert len(found) == 3
        often = moments("*/30 * * * *", 1_792_857_600, days=2)
        assert {later - sooner for sooner, later in itertools.pairwise(often)} == {1800.0}
    finally:
        monkeypatch.undo()
        time.tzset()


def moments(text: str, begin: float, *, days: int) -> list[float]:
    """The moments of a schedule from `begin` on."""
    job, found = scheduled.Job("report", 1, text, 1), []
    at = scheduled.next_moment(job, begin)
    while at is not None and at < begin + days * 86400:
        found.append(at)
        at = scheduled.next_moment(job, at)
    return found


def test_what_an_earlier_boot_has_left_is_no_run(files):
    (files.root / "run/processes").mkdir()
    started.write(str(files.root), started.scheduled_key("report"), port=0, stop_timeout=1, marks=[], before=None)
    record = scheduled.running(files, "report")
    assert record is not None
    path = files.root / "run/processes/scheduled-report.json"
    path.write_text(path.read_text().replace(f'"ticks": {record.ticks}', '"ticks": 1'))
    assert scheduled.running(files, "report") is None


@pytest.mark.on_systemd
def test_a_run_that_had_to_be_killed_is_told_with_its_release(files):
    manager = MANAGERS["systemd"](files)
    manager.ensure()
    a_release(files, 7, a_type("report", f"trap '' TERM; {NOTES}; sleep 600", schedule=OFTEN, stop_timeout=1))
    arm(files, manager, 7, report=1)
    wait_for(lambda: notes(files) == ["begin"])
    schedules.apply(files, manager, stage.spec(files, 7), {"report": 1}, stopped=True)
    manager.shutdown()
    (entry,) = [entry for entry in events.read(files, 1000) if entry["event"] == "killed"]
    assert (entry["release"], entry["text"]) == (7, "report.1: did not stop within 1 s, and was killed")
