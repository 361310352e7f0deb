"""The end of a rotated log, and what is added to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.agent import logs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def followed(path: Path, lines: int, *steps) -> bytes:
    """What `follow` gives while `steps` are done to the file, one before each look but the first."""
    left, got = list(steps), []

    def idle() -> bool:
        if not left:
            return True
        left.pop(0)()
        return False

    logs.follow({"web.1": str(path)}, lines, lambda _, at, text: got.append(text), idle)
    return b"".join(got)


def append(path: Path, text: bytes):
    def step() -> None:
        with path.open("ab") as file:
            file.write(text)

    return step


def rotate(path: Path):
    return lambda: os.rename(path, f"{path}.1")


def test_there_is_no_log_yet(path):
    assert logs.tail(str(path), 5) == b""


@pytest.mark.parametrize("lines", [0, 1, 3, 9, 10, 11, 1000])
def test_the_last_lines_of_one_file(path, lines):
    text = [b"line %d\n" % i for i in range(10)]
    path.write_bytes(b"".join(text))
    assert logs.tail(str(path), lines) == b"".join(text[max(0, 10 - lines) :])


def test_an_unfinished_line_counts(path):
    path.write_bytes(b"one\ntwo\nthr")
    assert logs.tail(str(path), 2) == b"two\nthr"


def test_the_last_lines_span_rotations(path):
    Path(f"{path}.2").write_bytes(b"1\n2\n")
    Path(f"{path}.1").write_bytes(b"3\n4\n")
    path.write_bytes(b"5\n6\n")
    assert logs.tail(str(path), 3) == b"4\n5\n6\n"
    assert logs.tail(str(path), 5) == b"2\n3\n4\n5\n6\n"
    assert logs.tail(str(path), 99) == b"1\n2\n3\n4\n5\n6\n"


def test_a_line_cut_by_a_rotation_is_whole_again(path):
    Path(f"{path}.1").write_bytes(b"1\n2 be")
    path.write_bytes(b"gun\n3\n")
    assert logs.tail(str(path), 3).endswith(b"2 begun\n3\n")


def test_lines_longer_than_a_block(path):
    long = b"x" * (3 * logs.BLOCK) + b"\n"
    path.write_bytes(b"first\n" + long + long)
    assert logs.tail(str(path), 2) == long + long
    assert logs.tail(str(path), 3) == b"first\n" + long + long


def test_a_large_file_is_not_read_whole(path):
    with path.open("wb") as file:
        file.seek(1 << 32)
        file.write(b"\nend\n")
    assert logs.tail(str(path), 1) == b"end\n"


def test_the_tail_comes_first_and_then_every_new_line(path):
    path.write_bytes(b"1\n2\n3\n")
    assert followed(path, 2, append(path, b"4\n"), append(path, b"5\n6\n")) == b"2\n3\n4\n5\n6\n"


def test_nothing_of_the_past_is_given_when_none_is_asked_for(path):
    path.write_bytes(b"1\n2\n3\n")
    assert followed(path, 0, append(path, b"4\n")) == b"4\n"


def test_a_log_that_comes_later_is_followed_from_its_beginning(path):
    assert followed(path, 5, append(path, b"1\n"), append(path, b"2\n")) == b"1\n2\n"


def test_a_rotation_loses_nothing(path):
    path.write_bytes(b"1\n")

    def write_and_rotate() -> None:
        append(path, b"2\n")()
        rotate(path)()
        append(path, b"3\n")()

    assert followed(path, 5, write_and_rotate, append(path, b"4\n")) == b"1\n2\n3\n4\n"


def test_a_truncated_log_is_followed_from_its_beginning(path):
    path.write_bytes(b"1\n2\n3\n")

    def truncate() -> None:
        path.write_bytes(b"new\n")

    assert followed(path, 1, truncate, append(path, b"5\n")) == b"3\nnew\n5\n"


def test_lines_arrive_whole(path):
    got: list[bytes] = []
    steps = [append(path, b"beg"), append(path, b"un\n"), append(path, b"rest")]

    def idle() -> bool:
        if steps:
            steps.pop(0)()
            return False
        return True

    logs.follow({1: str(path)}, 0, lambda _, at, text: got.append(text), idle)
    assert got == [b"begun\n", b"rest"]


def test_the_logs_of_one_release_are_discarded(tmp_path):
    names = ["v1-web.1.log", "v1-web.1.log.1", "v11-web.1.log", "supervisord.log"]
    for name in names:
        (tmp_path / name).touch()
    logs.discard(str(tmp_path), 1)
    assert sorted(os.listdir(tmp_path)) == sorted(names[2:])
