"""Which C library binaries need, as their own version tables say."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.builds import elf


def test_a_program_needs_no_newer_library_than_the_one_it_runs_with(tmp_path):
    (tmp_path / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), tmp_path / "bin" / "python")
    found = elf.glibc_of(tmp_path)
    assert found
    assert elf.newer(found, platform.libc_ver()[1]) == platform.libc_ver()[1]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_newest_symbol_decides(tmp_path):
    (tmp_path / "a.c").write_text("#include <string.h>\nvoid *f(void *a, void *b) { return memcpy(a, b, 4711); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-O0", "-o", tmp_path / "a.so", tmp_path / "a.c"], check=True)
    names = subprocess.run(["objdump", "-T", tmp_path / "a.so"], capture_output=True, text=True, check=True).stdout
    versions = [word.strip("()").removeprefix("GLIBC_") for word in names.split() if "GLIBC_" in word]
    assert elf.glibc_of(tmp_path) == max(versions, key=elf.version_key)


def test_what_is_no_binary_needs_nothing(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "script").write_text("#!/bin/sh\n# GLIBC_9.9\n")
    (tmp_path / "cut.so").write_bytes(b"\x7fELF\x02\x01" + b"\0" * 20)
    (tmp_path / "link.so").symlink_to("nowhere")
    assert elf.glibc_of(tmp_path) == ""
