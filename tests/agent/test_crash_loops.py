"""A release that crashes again and again while it serves is marked, until there is a reason to forget it."""

import os
import time

import pytest

from deployer.agent import crash_loops, endings, started
from deployer.agent.layout import Layout
from deployer.agent.managers import UP, Instance
from deployer.core.formation import Process


@pytest.fixture
def files(tmp_path):
    """A target whose `current` names v2."""
    layout = Layout(tmp_path, "shop", "local")
    os.makedirs(tmp_path / "run/processes")
    os.makedirs(tmp_path / "run/exits")
    os.symlink("releases/v2", layout.current)
    return layout


def begins_again(files, release, quick, number=1):
    """What the launcher of web.1 does after `quick` short lives in a row."""
    key = started.key(release, "web", number)
    before = started.Started(
        pid=1, ticks=1, boot="", at=time.time() - 1, starts=1, port=0, stop_timeout=1, marks=[], quick=quick
    )
    endings.lives(str(files.root), key, before, by_systemd=False)


def test_the_third_short_life_in_a_row_marks_the_release_that_serves(files):
    begins_again(files, 2, 2)
    assert crash_loops.known(files) == {}
    begins_again(files, 2, 3)
    assert list(crash_loops.known(files)) == [2]
    assert crash_loops.known(files)[2].startswith("web.1 kept crashing")


def test_what_does_not_serve_is_not_marked(files):
    begins_again(files, 1, 5)
    begins_again(files, 2, 5, number=0)  # a rehearsal
    assert crash_loops.known(files) == {}


def test_the_mark_stays_until_it_is_forgotten(files):
    crash_loops.mark(str(files.root), 2, "web.1 kept crashing")
    crash_loops.mark(str(files.root), 2, "and again")
    assert crash_loops.known(files) == {2: "web.1 kept crashing"}
    crash_loops.forget(files, 2)
    crash_loops.forget(files, 2)
    assert crash_loops.known(files) == {}


@pytest.mark.parametrize(
    ("seconds", "failing", "forgiven"), [(90, False, True), (30, False, False), (90, True, False), (None, False, False)]
)
def test_it_is_forgiven_where_its_processes_have_lasted(files, seconds, failing, forgiven):
    crash_loops.mark(str(files.root), 2, "web.1 kept crashing")
    lasting = Instance(Process(2, "worker", 1, 0), UP, 7, time.time() - 300, 0)
    since = time.time() - (seconds or 0)
    own = [lasting, Instance(Process(2, "web", 1, 0), UP, 8, since, 3, failing=failing)] if seconds else []
    crash_loops.judge(files, 2, own)
    assert (crash_loops.known(files) == {}) == forgiven


def test_what_is_failing_as_another_takes_its_place_is_marked(files):
    ended = "exited with code 3 after 0.4 s"
    crash_loops.judge(
        files, 2, [Instance(Process(2, "web", 1001, 0), "crashed", 0, time.time(), 3, ended, failing=True)]
    )
    assert crash_loops.known(files) == {2: f"web.1 kept crashing: it {ended}"}


def test_what_an_app_writes_there_is_bounded_and_no_way_to_another_file(files):
    folder = files.root / "run/processes"
    (folder / "crashed-v3").write_text("x" * 100_000)
    (folder / "crashed-vx").write_text("x")
    (folder / "crashed-v4").symlink_to("/etc/passwd")
    os.mkfifo(folder / "crashed-v5")
    found = crash_loops.known(files)
    assert len(found.pop(3)) == crash_loops.LONGEST
    assert "root" not in str(found)
    assert 4 not in found
