"""The same file has the same time on every host, whatever a host has missed."""

import os


def times(fleet, name, version):
    """The time of every file of a release on a host."""
    app = fleet.of(name) / "releases" / version / "app"
    return {
        os.path.relpath(path, app): path.lstat().st_mtime_ns
        for path in sorted(app.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_a_file_has_one_time_on_all_hosts_also_where_one_missed_a_run(fleet):
    fleet.deploy("ship")
    fleet.tiny.say("two")
    with fleet.down("web2"):
        fleet.deploy("release", "--allow-missing")
        fleet.deploy("run", "--hosts", "web1,web3")
    fleet.tiny.say("six")
    fleet.deploy("ship")
    first, *others = [times(fleet, name, "v3") for name in fleet.names]
    assert others == [first] * 2
    assert first["text.txt"] > times(fleet, "web1", "v2")["text.txt"] > first["server.py"] > 0
    fleet.deploy("rollback", "v2")
    back, *others = [times(fleet, name, "v2") for name in fleet.names]
    assert others == [back] * 2
    assert back["text.txt"] > first["text.txt"]
    assert back["server.py"] == first["server.py"]
    assert fleet.differences() == []
