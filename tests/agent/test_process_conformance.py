"""What is a process given, whoever keeps it?  Its environment, its command, its user, and nothing of ours."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from deployer.agent import procfs
from deployer.core.formation import Process

from .managed import environment_of, in_plain_and_odd_folders, is_up, of_the_target, one
from .releases import a_release, a_target, a_type, wait_for


@in_plain_and_odd_folders
def test_values_arrive_byte_for_byte(manager, files):
    values = {
        "LINES": "one\ntwo\r\n\tthree\n",
        "QUOTES": "'\"`\\'\"",
        "DOLLARS": "$HOME ${PATH} $(id) %(here)s %d #no; comment",
        "UNICODE": "žluťoučký 🐎 \u2028",
        "LONG": "x" * 65536,
        "EMPTY": "",
        "BLANKS": "  both ends  ",
    }
    types = a_release(files, 1, a_type("web", "exec sleep 600"), variables=values, env={"EMPTY": "pack's"})
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: is_up(manager, web) and procfs.arguments(one(manager, web).pid)[:1] == ["sleep"])
    got = environment_of(one(manager, web))
    assert {name: got[name] for name in values} == values


@in_plain_and_odd_folders
def test_a_process_gets_the_release_s_environment_and_nothing_of_ours(build, files, monkeypatch):
    monkeypatch.setenv("OPERATORS_SECRET", "hunter2")
    types = a_release(files, 7, a_type("web", "exec sleep 600"), path=("bin",), env={"A": "1"})
    manager = build(files)
    manager.ensure()
    web = Process(7, "web", 2, 5001)
    try:
        manager.start([web], types)
        wait_for(lambda: is_up(manager, web) and procfs.arguments(one(manager, web).pid)[:1] == ["sleep"])
        got = environment_of(one(manager, web))
    finally:
        manager.shutdown()
    app = os.path.realpath(files.release(7) / "app")
    assert got.pop("PATH").startswith(f"{app}/bin:/usr/local/sbin:")
    assert got.pop("HOME")
    assert set(got) <= {"USER", "LOGNAME", "SHELL", "LANG", "PWD", "A", "PORT", *(n for n in got if "DEPLOY_" in n)}
    assert {name: value for name, value in got.items() if name.startswith(("PORT", "DEPLOY_"))} == {
        "PORT": "5001",
        "DEPLOY_ROOT": os.path.realpath(files.root),
        "DEPLOY_APP": "shop",
        "DEPLOY_TARGET": "local",
        "DEPLOY_RELEASE": "v7",
        "DEPLOY_PROCESS": "web.2",
        "DEPLOY_TURN": "0",
        "DEPLOY_BUILD": "ab" * 6,
        "DEPLOY_COMMIT": "c" * 40,
    }


@in_plain_and_odd_folders
def test_no_secret_is_in_a_file_of_the_manager_or_an_argument_list(manager, files):
    secret = "hunter2-hunter2"
    types = a_release(files, 1, a_type("web", "exec sleep 600"), variables={"PASSWORD": secret})
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: is_up(manager, web))
    written = [path for folder in (files.run, files.log) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in written if secret.encode() in path.read_bytes()] == []
    assert [p.pid for p in procfs.everyone() if secret in "\0".join(procfs.arguments(p.pid))] == []
    private = [path for path in written if path.stat().st_mode & 0o077]
    assert private == []


@in_plain_and_odd_folders
def test_a_process_inherits_no_descriptor_of_the_agent(build, files):
    (files.lock).touch()
    lock = os.open(files.lock, os.O_RDWR)
    os.set_inheritable(lock, True)
    types = a_release(files, 1, a_type("web", "ls -l /proc/self/fd; exec sleep 600"))
    web = Process(1, "web", 1, 5000)
    manager = build(files)
    try:
        manager.ensure()
        manager.start([web], types)
        wait_for(lambda: is_up(manager, web) and manager.tail(web, 20).count(b"->") >= 3)
        assert str(files.lock) not in {held for pid in of_the_target(files) for held in _held(pid)}
        assert b"/dev/null" in manager.tail(web, 20)
    finally:
        os.close(lock)
        manager.shutdown()


def _held(pid):
    """What the descriptors of a process lead to; one may be closed while we look."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(descriptor)


@in_plain_and_odd_folders
def test_a_missing_env_is_one_clear_line_in_the_log(manager, files):
    types = a_release(files, 1, a_type("web", "exec sleep 600"))
    (files.release(1) / "env").unlink()
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: one(manager, web).reason)
    assert one(manager, web).reason.startswith("exited with code 127")
    assert b"deployer: cannot launch web.1 of v1: " in manager.tail(web, 1)


@in_plain_and_odd_folders
def test_one_plain_program_has_no_shell_in_front_of_it(manager, files):
    types = a_release(files, 1, a_type("web", "NAME=value sleep $PORT"))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: is_up(manager, web))
    wait_for(lambda: procfs.arguments(one(manager, web).pid) == ["sleep", "5000"])


@in_plain_and_odd_folders
def test_a_command_is_given_to_the_shell_unchanged(manager, files):
    command = "cd / && echo \"a  'b' $PORT\" %d `echo c` && sleep 600"
    types = a_release(files, 1, a_type("web", command))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: manager.tail(web, 1))
    assert manager.tail(web, 1) == b"a  'b' 5000 %d c\n"
    assert procfs.arguments(one(manager, web).pid) == ["sh", "-c", command]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_processes_run_as_the_user_of_the_target(build, tmp_path):
    with_room = Path(subprocess.check_output(["mktemp", "-d", "/tmp/deployer-test.XXXXXX"], text=True).strip())
    with_room.chmod(0o755)
    files = a_target(with_room / "root")
    manager = build(files)
    try:
        command = "id -un; id -Gn; echo $HOME; cat ../env; exec sleep 600 # as gunicorn would"
        types = a_release(files, 1, a_type("web", command, binds_port=True), run_as="nobody")
        (files.release(1) / "agent.pyz").chmod(0o500)  # as the agent leaves it: the launcher's own user alone reads it
        web = Process(1, "web", 1, 5000)
        manager.ensure()
        manager.start([web], types)
        wait_for(lambda: manager.tail(web, 9).count(b"\n") >= 4)
        lines = manager.tail(web, 9).decode().splitlines()
        assert lines[0] == "nobody"
        assert "root" not in lines[1].split()
        assert "Permission denied" in lines[3]
    finally:
        manager.shutdown()
        subprocess.run(["rm", "-rf", str(with_room)], check=True)
