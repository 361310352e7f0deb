"""A path that a person names: a plain file is replaced whole; a pipe is written into; nothing else loses its name.

A named pipe and links stand for the devices of the machine, which no test touches.
"""

import os
import socket
import subprocess
import sys
import threading

import pytest

from deployer.builds import output
from deployer.core.errors import NotFound, UsageError

BLOCKS = (b"first ", b"second")
WRITER = f"""
import sys
from pathlib import Path
from deployer.builds import output
output.write(Path(sys.argv[1]), {BLOCKS})
"""


def names(folder):
    return sorted(os.listdir(folder))


def test_a_new_file_and_a_plain_one_are_written_whole(tmp_path):
    file = tmp_path / "file"
    for _ in range(2):
        output.write(file, BLOCKS)
        assert file.read_bytes() == b"first second"
    assert names(tmp_path) == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def failing():
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        output.write(file, failing())
    assert (file.read_bytes(), names(tmp_path)) == (b"old", ["file"])


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink("elsewhere/file", tmp_path / "middle")
    os.symlink("middle", tmp_path / "link")
    for _ in range(2):  # it leads nowhere at first
        output.write(tmp_path / "link", BLOCKS)
        assert (tmp_path / "elsewhere" / "file").read_bytes() == b"first second"
    assert (os.readlink(tmp_path / "link"), os.readlink(tmp_path / "middle")) == ("middle", "elsewhere/file")


def test_a_named_pipe_stays_and_its_reader_has_all(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    output.write(tmp_path / "pipe", BLOCKS)
    reader.join(timeout=30)
    assert read == [b"first second"]
    assert (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_what_a_shell_has_opened_gets_the_bytes(tmp_path):
    command = [sys.executable, "-c", WRITER, "/dev/stdout"]
    assert subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout == b"first second"
    with (tmp_path / "file").open("wb") as file:
        subprocess.run(command, stdout=file, timeout=60, check=True)
        inode = os.fstat(file.fileno()).st_ino
    assert (tmp_path / "file").read_bytes() == b"first second"
    assert (tmp_path / "file").stat().st_ino == inode
    subprocess.run([*command[:-1], os.devnull], timeout=60, check=True)  # the kernel's own: it may be written to


def test_a_folder_a_socket_and_a_missing_folder_are_refused_by_name(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, error in (("", UsageError), ("socket", UsageError), ("none/file", NotFound)):
            with pytest.raises(error) as refused:
                output.write(tmp_path / name, BLOCKS)
            assert str(tmp_path) in refused.value.message
            assert refused.value.hint
        assert names(tmp_path) == ["socket"]
