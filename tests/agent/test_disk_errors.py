"""What is told of a disk that refuses: the path that the user knows, the room that is left, and what to do."""

import errno
import os
import resource
import signal

import pytest

from deployer.agent import disk_errors, durable


def refused(number, *paths):
    """An error as the kernel gives it."""
    second = [None, paths[1]] if len(paths) > 1 else []
    return OSError(number, os.strerror(number), *paths[:1], *second)


def test_a_temporary_name_is_told_as_the_one_that_it_was_to_have(tmp_path):
    part = durable.temporary(tmp_path / "pending")
    assert disk_errors.message(refused(errno.EIO, part)) == f"{tmp_path}/pending: Input/output error"
    assert disk_errors.message(refused(errno.EIO, part, f"{tmp_path}/other")).startswith(f"{tmp_path}/other: ")


def test_an_error_without_a_path_is_told_of_the_place_where_it_was(tmp_path):
    assert disk_errors.message(refused(errno.EROFS), tmp_path) == f"{tmp_path}: Read-only file system"
    assert disk_errors.message(refused(errno.EROFS)) == "Read-only file system"
    assert "dmesg" in disk_errors.hint(refused(errno.EROFS), tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_where_there_is_no_room_it_is_told_how_much_there_is(tmp_path, number):
    message = disk_errors.message(refused(number, str(tmp_path / "not" / "there")))
    assert message.startswith(f"{tmp_path}/not/there: {os.strerror(number)} (")
    assert " MB and " in message
    assert message.endswith(" inodes are free there)")
    assert "make room" in disk_errors.hint(refused(number, str(tmp_path)))


def test_a_write_that_fails_names_its_file_and_leaves_nothing(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        with pytest.raises(OSError, match="File too large") as told:
            durable.write(tmp_path / "ports", b"x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert disk_errors.message(told.value) == f"{tmp_path}/ports: File too large"
    assert os.listdir(tmp_path) == []
