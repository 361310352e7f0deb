"""What is particular to supervisord: it dies, hangs, is cut off, and is found again."""

from __future__ import annotations

import functools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer.agent import leftovers, procfs, started, supervisor_conf
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPED, STOPPING, UP
from deployer.agent.supervisor import Supervisor
from deployer.agent.supervisor_client import Client
from deployer.agent.supervisor_daemon import Daemon
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.hosts import supervisor_package

from .managed import CHILD_STAYS, is_up, of_the_target, one
from .releases import a_release, a_target, a_type, wait_for

WEB, WORKER = Process(1, "web", 1, 5000), Process(1, "worker", 1, 5100)


@pytest.fixture
def build():
    return Supervisor


@pytest.fixture
def types(files):
    return a_release(files, 1, a_type("web", "exec sleep 600"), a_type("worker", "exec sleep 600"))


def daemon(files: Layout) -> int:
    return Client(files.root).call("getPID")


def daemons(files: Layout) -> list[int]:
    """supervisord and the shell that keeps it."""
    return Daemon(files, Client(files.root)).pids()


def has_ended(pid: int) -> bool:
    return procfs.started(pid) is None


def test_a_supervisord_that_is_killed_comes_back_without_us_and_each_process_once(manager, files, types):
    manager.start([WEB, WORKER], types)
    wait_for(lambda: is_up(manager, WEB, WORKER))
    for _ in range(3):
        killed, before = daemon(files), [instance.pid for instance in manager.instances()]
        os.kill(killed, signal.SIGKILL)
        for pid in before:
            wait_for(functools.partial(has_ended, pid))
        wait_for(lambda: is_up(manager, WEB, WORKER))
        after = [instance.pid for instance in manager.instances()]
        assert daemon(files) != killed
        assert sorted(of_the_target(files)) == sorted([*daemons(files), *after])
        assert len(daemons(files)) == 2
    assert {instance.reason for instance in manager.instances()} == {"was ended after its supervisord"}
    assert not any(instance.failing for instance in manager.instances())


def nothing_else(manager, files):
    """Whether just the daemons run, and the processes that the manager knows."""
    known = [instance.pid for instance in manager.instances()]
    return sorted(of_the_target(files)) == sorted([*daemons(files), *known])


def test_a_supervisord_that_is_killed_while_it_starts_processes_leaves_none_behind(manager, files, types):
    for pause in (0.0, 0.01, 0.02, 0.04, 0.08, 0.16):
        manager.start([WEB, WORKER], types)
        time.sleep(pause)  # another moment of the start each time
        os.kill(daemon(files), signal.SIGKILL)
        wait_for(lambda: is_up(manager, WEB, WORKER))
        wait_for(lambda: nothing_else(manager, files))  # its keeper takes a breath before it starts the next
        manager.stop([WEB, WORKER])


def test_after_a_kill_of_supervisord_and_its_keeper_the_formation_runs_once(manager, files, types):
    manager.start([WEB, WORKER], types)
    wait_for(lambda: is_up(manager, WEB, WORKER))
    before = [instance.pid for instance in manager.instances()]
    Daemon(files, Client(files.root)).kill()
    wait_for(lambda: {i.reason for i in manager.instances()} == {"supervisord does not answer"})
    assert {i.state for i in manager.instances()} == {UP}
    assert all(procfs.started(pid) for pid in before)
    assert manager.weaknesses() == [
        "supervisord does not answer: it starts nothing again that ends; `deploy run` fixes it"
    ]
    manager.ensure()
    wait_for(lambda: is_up(manager, WEB, WORKER))
    after = [instance.pid for instance in manager.instances()]
    assert not any(procfs.started(pid) for pid in before)
    assert sorted(of_the_target(files)) == sorted([*daemons(files), *after])
    assert {instance.restarts for instance in manager.instances()} == {0}


def test_a_launcher_that_outlives_supervisord_before_it_is_recorded_is_ended_too(manager, files, types):
    for _ in range(5):  # killed while it starts them, at another moment each time
        manager.start([WEB, WORKER], types)
        os.kill(daemon(files), signal.SIGKILL)
        manager.ensure()
        wait_for(lambda: is_up(manager, WEB, WORKER))
        after = [instance.pid for instance in manager.instances()]
        assert sorted(of_the_target(files)) == sorted([*daemons(files), *after])
        manager.stop([WEB, WORKER])


def test_children_without_leader_or_supervisord_are_found_by_their_marks(manager, files):
    types = a_release(files, 1, a_type("web", "exec python3 app.py", stop_timeout=1), program={"app.py": CHILD_STAYS})
    manager.start([WEB], types)
    wait_for(lambda: b"child up" in manager.tail(WEB, 5))
    leader = one(manager, WEB).pid
    children = [process.pid for process in procfs.members(leader) if process.pid != leader]
    os.kill(daemon(files), signal.SIGKILL)
    os.kill(leader, signal.SIGKILL)
    manager.ensure()
    assert children
    wait_for(lambda: not any(procfs.started(pid) for pid in children))


def test_a_foreign_process_with_a_recorded_pid_is_never_touched(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        path = files.run / "processes" / "v1-web-1.json"
        record = path.read_text().replace(f'"pid": {one(manager, WEB).pid}', f'"pid": {stranger.pid}')
        path.write_text(record)
        manager.stop([WEB])
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_hung_supervisord_is_replaced(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    hung = daemon(files)
    os.kill(hung, signal.SIGSTOP)
    manager.ensure()
    assert daemon(files) != hung
    wait_for(lambda: is_up(manager, WEB))


def test_start_and_stop_bring_a_dead_supervisord_back(manager, files, types):
    manager.start([WEB], types)
    os.kill(daemon(files), signal.SIGKILL)
    manager.start([WORKER], types)
    wait_for(lambda: is_up(manager, WEB, WORKER))
    os.kill(daemon(files), signal.SIGKILL)
    manager.stop([WEB])
    wait_for(lambda: is_up(manager, WORKER))
    assert len(manager.instances()) == 1


def test_a_stop_that_nobody_waits_for_ends_by_itself(manager, files):
    types = a_release(files, 1, a_type("web", "trap '' TERM; while :; do sleep 0.1; done", stop_timeout=1))
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    manager.stop([WEB], wait=False)
    manager.ensure()
    assert [instance.state for instance in manager.instances()] == [STOPPING], "it has its stop_timeout"
    wait_for(lambda: manager.instances() == [])
    manager.ensure()
    assert started.names(str(files.root)) == []


def test_a_process_stopped_by_hand_is_started_again_by_ensure(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    Client(files.root).call("stopProcess", "v1-web-1")
    assert one(manager, WEB).state == STOPPED
    manager.ensure()
    wait_for(lambda: is_up(manager, WEB))


def test_supervisord_leaves_the_session_the_directory_and_the_environment_of_its_starter(manager, files, monkeypatch):
    pid = daemon(files)
    own = procfs.stat(pid)
    assert own is not None
    assert own.session != procfs.stat(os.getpid()).session
    assert Path(f"/proc/{pid}/cwd").samefile(files.root)
    names = {line.split(b"=")[0] for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")[:-1]}
    assert names == {b"PATH", b"HOME", b"LANG"}
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert (files.run / "supervisor.sock").stat().st_mode & 0o777 == 0o700


def test_the_interpreter_s_path_may_hold_anything(manager, files, types, tmp_path, monkeypatch):
    odd = tmp_path / "p y;#'\"%(here)s %d$"
    odd.symlink_to(getattr(sys, "_base_executable", sys.executable))
    monkeypatch.setattr(sys, "_base_executable", str(odd))
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    assert one(manager, WEB).state == UP


SCRIPT = """\
import sys
from pathlib import Path
from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor
from deployer.core import release
from deployer.core.formation import Process

files = Layout(Path(sys.argv[1]), "shop", "local")
manager = Supervisor(files)
manager.ensure()
types = release.parse((files.release(1) / "release.json").read_bytes()).types
manager.start([Process(1, "web", 1, 5000)], types)
manager.stop([Process(1, "worker", 1, 5100)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("running", [True, False], ids=["running", "killed"])
def test_a_cut_at_every_word_is_mended_by_the_next_command(files, types, tmp_path, running):
    manager = Supervisor(files)
    trace = tmp_path / "trace"

    def command(**variables: str) -> int:
        words = [sys.executable, "-c", SCRIPT, str(files.root)]
        return subprocess.run(words, check=False, env={**os.environ, **variables}, timeout=60).returncode

    def begin() -> None:
        manager.stop([WEB])
        manager.start([WORKER], types)
        wait_for(lambda: is_up(manager, WORKER) and procfs.carries(one(manager, WORKER).pid, ["DEPLOY_APP=shop"]))
        if not running:
            os.kill(daemon(files), signal.SIGKILL)

    manager.ensure()
    try:
        begin()
        assert command(DEPLOYER_FAULT_TRACE=str(trace)) == 0
        points = [line.split()[-1] for line in trace.read_text().splitlines()]
        assert len(points) > 10
        cuts = 0
        for at, point in enumerate(points):
            begin()
            ended = command(DEPLOYER_FAULT=f"{point}:{points[: at + 1].count(point)}")
            assert ended in (0, -signal.SIGKILL), point  # 0: this time there was nothing to note, say
            cuts += ended != 0
            assert command() == 0
            wait_for(lambda: is_up(manager, WEB))
            assert [instance.process for instance in manager.instances()] == [WEB], point
            assert sorted(of_the_target(files)) == sorted([*daemons(files), one(manager, WEB).pid]), point
        assert cuts >= 0.8 * len(points)
    finally:
        manager.shutdown()


def test_what_a_crash_leaves_behind_is_told_to_end_by_the_signal_of_its_type(manager, files):
    asked = files.run / "asked"
    child = f"trap '' TERM; trap 'touch {asked}; exit' USR1; echo child up; exec 2>&-; while :; do sleep 0.1; done"
    web = a_type("web", f"sh -c {shlex.quote(child)} & exec sleep 600", stop_timeout=20, stop_signal="USR1")
    types = a_release(files, 1, web)
    manager.start([WEB], types)
    wait_for(lambda: b"child up" in manager.tail(WEB, 5))
    os.kill(one(manager, WEB).pid, signal.SIGKILL)
    wait_for(lambda: manager.tail(WEB, 9).count(b"child up") == 2)
    assert asked.exists()


def test_a_record_of_another_version_is_read(files, types):
    done = {"pid": 1, "ticks": 2, "boot": "b", "at": 1.0, "starts": 1, "port": 5000, "stop_timeout": 3, "marks": []}
    (files.run / "processes").mkdir()
    (files.run / "processes" / "v1-web-1.json").write_text(json.dumps({**done, "of a later one": 1}))
    record = started.read(str(files.root), "v1-web-1")
    assert record is not None
    assert (record.pid, record.stop_signal, leftovers.stopping(record)) == (1, "TERM", signal.SIGTERM)


def test_the_hosts_own_supervisord_is_never_used_and_it_is_said_what_to_do(tmp_path, monkeypatch):
    own = tmp_path / "bin" / "supervisord"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\nexec sleep 600\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{own.parent}:/usr/bin:/bin")
    files = a_target(tmp_path / "target")
    for shipped in files.agent.glob("supervisor-*"):
        subprocess.run(["rm", "-rf", str(shipped)], check=True)
    with pytest.raises(RunFailed) as failure:
        Supervisor(files).ensure()
    assert "`deploy run`, `ship` or `rollback` brings it" in failure.value.hint
    assert of_the_target(files) == []


def test_reading_needs_no_supervisord(files):
    assert Supervisor(files).instances() == []
    assert Supervisor(files).tail(WEB, 5) == b""
    assert not (files.run / "supervisor.sock").exists()


def test_the_archive_is_the_same_every_time():
    first = supervisor_package.archive()
    supervisor_package.archive.cache_clear()
    assert supervisor_package.archive() == first
    assert supervisor_package.tool().startswith("supervisor-4.")


def test_a_damaged_record_is_as_none(files):
    (files.run / "processes").mkdir()
    (files.run / "processes" / "v1-web-1.json").write_text('{"pid": 1')
    assert started.read(str(files.root), "v1-web-1") is None
    assert started.names(str(files.root)) == ["v1-web-1"]


def test_a_socket_that_speaks_no_xml_is_no_supervisord(files, types):
    impostor = socket.socket(socket.AF_UNIX)
    descriptor = os.open(files.run, os.O_RDONLY)
    impostor.bind(f"/proc/self/fd/{descriptor}/supervisor.sock")
    impostor.close()
    manager = Supervisor(files)
    try:
        manager.ensure()
        manager.start([WEB], types)
        wait_for(lambda: is_up(manager, WEB))
    finally:
        os.close(descriptor)
        manager.shutdown()


def test_a_key_names_its_process():
    odd = Process(12, "web-1_x-2", 3, 0)
    assert supervisor_conf.parse_key(supervisor_conf.key(odd)) == odd
    assert supervisor_conf.parse_key("nginx") is None


@pytest.mark.skipif(not os.access("/sys/fs/cgroup/memory/memory.oom_control", os.W_OK), reason="needs control groups")
def test_an_end_for_want_of_memory_is_told_as_such(files):
    group = Path(f"/sys/fs/cgroup/memory/deployer-test-{os.getpid()}")
    group.mkdir()
    manager = Supervisor(files)
    greedy = "python3 -c 'import time; time.sleep(1); x = bytearray(1 << 30)'; exit $?"
    types = a_release(files, 1, a_type("worker", greedy))
    try:
        manager.ensure()
        (group / "memory.limit_in_bytes").write_text(str(200 << 20))
        for pid in of_the_target(files):
            (group / "cgroup.procs").write_text(str(pid))
        manager.start([WORKER], types)
        wait_for(lambda: one(manager, WORKER).reason.startswith("was killed for want of memory after "), 30)
    finally:
        manager.shutdown()
        group.rmdir()
