"""What a process left on the disk is found, and what it did not is not."""

import os

from deployer.stages.check import tree


def test_what_was_made_altered_and_removed_is_told(tmp_path):
    for name in ("kept", "altered", "removed"):
        (tmp_path / name).write_text("1")
    (tmp_path / "folder").mkdir()
    before = tree.snapshot(tmp_path)
    (tmp_path / "altered").write_text("22")
    (tmp_path / "removed").unlink()
    (tmp_path / "folder/made").write_text("1")
    assert tree.changes(before, tree.snapshot(tmp_path)) == ["altered", "folder/made", "removed"]


def test_a_file_that_came_and_went_leaves_its_folder_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    os.utime(tmp_path / "folder", (0, 0))
    before = tree.snapshot(tmp_path)
    (tmp_path / "folder/brief").write_text("1")
    (tmp_path / "folder/brief").unlink()
    assert tree.changes(before, tree.snapshot(tmp_path)) == ["folder"]


def test_reading_changes_nothing(tmp_path):
    (tmp_path / "one").write_text("1")
    before = tree.snapshot(tmp_path)
    (tmp_path / "one").read_text()
    assert tree.changes(before, tree.snapshot(tmp_path)) == []


def test_a_log_file_that_is_open_for_writing_is_found(tmp_path):
    (tmp_path / "read.log").write_text("1")
    with (tmp_path / "read.log").open(), (tmp_path / "web.log").open("a"), (tmp_path / "table.db").open("w"):
        found = [path for path in tree.open_logs([os.getpid()]) if path.startswith(str(tmp_path))]
    assert found == [str(tmp_path / "web.log")]


def test_a_pid_file_is_one_that_names_the_process(tmp_path):
    (tmp_path / "ours.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "others.pid").write_text("1\n")
    (tmp_path / "notes.pid").write_text("x" * 100)
    os.mkfifo(tmp_path / "pipe.pid")  # which nobody writes to
    (tmp_path / "elsewhere.pid").symlink_to(tmp_path / "ours.pid")
    assert tree.pid_files([tmp_path], [os.getpid()]) == [str(tmp_path / "ours.pid")]


def test_a_refused_write_in_the_release_is_told_from_others(tmp_path):
    lines = [
        f"PermissionError: [Errno 13] Permission denied: '{tmp_path}/app/x'",
        "PermissionError: [Errno 13] Permission denied: 'cache/x'",
        "PermissionError: [Errno 13] Permission denied: '/etc/shadow'",
        "GET / 200",
    ]
    assert tree.refusals(lines, tmp_path / "app") == lines[:2]
