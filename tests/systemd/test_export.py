"""`deploy export systemd` gives what a run has put on the host, byte for byte, and a run leaves that alone."""

import os

from .one_host import OneHost


def exported(folder):
    """Every file below `folder` by its path on the host, without the README."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {str(path.relative_to(folder)): path for path in found if path.name != "README"}


def test_what_is_exported_is_what_the_host_has(one: OneHost, tmp_path):
    one.deploy("export", "systemd", str(tmp_path))
    found = exported(tmp_path)
    assert any(name.endswith("tiny-production-web@.service") for name in found)
    for name, path in found.items():
        there = one.host.root / name
        if path.is_symlink():
            assert os.readlink(there) == os.readlink(path), name
        else:
            assert there.read_bytes() == path.read_bytes(), name
    folder = next(iter(path.parent for name, path in found.items() if name.endswith("web@.service")))
    names = {path.name for path in folder.glob("*.service")}
    assert names == {path.name for path in (one.host.root / folder.relative_to(tmp_path)).glob("tiny-production*")}


def test_a_run_leaves_installed_files_alone(one: OneHost, tmp_path):
    one.deploy("export", "systemd", str(tmp_path))
    units = [one.host.root / name for name in exported(tmp_path) if name.endswith(".service")]
    before = [os.lstat(unit).st_mtime_ns for unit in units]
    one.tiny.say("again")
    one.deploy("ship")
    one.serves("again")
    assert [os.lstat(unit).st_mtime_ns for unit in units] == before
