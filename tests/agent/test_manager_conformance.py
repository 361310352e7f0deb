"""What every process manager must do, on real processes.  A new manager is one more entry of MANAGERS."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.agent import events, procfs
from deployer.agent.layout import Layout
from deployer.agent.managers import CRASHED, UP, Instance
from deployer.agent.supervisor import Supervisor
from deployer.agent.systemctl import Systemctl
from deployer.agent.systemd import Systemd
from deployer.core.formation import Process

from .releases import a_release, a_target, a_type, agent, wait_for


def systemd(files: Layout) -> Systemd:
    """As the agent that runs on the host makes it: it keeps its own program for the next boot."""
    program = files.agent / "program.pyz"
    program.write_bytes(agent())
    return Systemd(files, str(program))


MANAGERS = {"supervisor": Supervisor, **({"systemd": systemd} if Systemctl().answers() else {})}
ODD = "a b%d ; #x [q] 'ü' " + "long" * 30
STUBBORN = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
print("up", os.getpid(), flush=True)
time.sleep(600)
"""
CHILD_STAYS = """\
import subprocess, sys, time
child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('child up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(600)
"""


@pytest.fixture(params=list(MANAGERS))
def build(request) -> Callable[[Layout], Supervisor]:
    return MANAGERS[request.param]


@pytest.fixture(params=["plain", ODD], ids=["plain", "odd"])
def files(request, tmp_path: Path) -> Layout:
    return a_target(tmp_path / request.param)


@pytest.fixture
def manager(build, files) -> Iterator[Supervisor]:
    made = build(files)
    made.ensure()
    yield made
    made.shutdown()
    assert of_the_target(files) == []


def of_the_target(files: Layout) -> list[int]:
    """Every living process that has to do with the target: by its directory, or by its environment."""
    root = os.path.realpath(files.root).encode()
    found = []
    for process in procfs.everyone():
        try:
            cwd = os.fsencode(os.readlink(f"/proc/{process.pid}/cwd"))
        except OSError:
            continue
        if process.alive and process.pid != os.getpid() and (cwd == root or cwd.startswith(root + b"/")):
            found.append(process.pid)
    return found


def one(manager: Supervisor, process: Process) -> Instance:
    return next(instance for instance in manager.instances() if instance.process == process)


def is_up(manager: Supervisor, *processes: Process) -> bool:
    states = {instance.process: instance.state for instance in manager.instances()}
    return all(states.get(process) == UP for process in processes)


def alone(files: Layout) -> list[tuple[str, str]]:
    """What the host did that nobody had asked for."""
    return [(entry["event"], entry["text"]) for entry in events.read(files, 99)]


def environment_of(instance: Instance) -> dict[str, str]:
    wait_for(lambda: procfs.carries(instance.pid, ["DEPLOY_APP=shop"]))  # the launcher has become the command
    text = Path(f"/proc/{instance.pid}/environ").read_bytes().decode()
    return dict(line.split("=", 1) for line in text.split("\0")[:-1])


def test_what_is_started_runs_and_what_is_stopped_is_gone(manager, files):
    types = a_release(files, 1, a_type("web", "exec sleep 600"), a_type("worker", "sleep 600; true"))
    web, worker = Process(1, "web", 1, 5000), Process(1, "worker", 1, 5100)
    manager.start([web, worker], types)
    wait_for(lambda: is_up(manager, web, worker))
    pid = one(manager, web).pid
    assert Path(f"/proc/{pid}/cwd").resolve() == (files.release(1) / "app").resolve()
    manager.stop([web])
    assert procfs.stat(pid) is None
    assert [instance.process for instance in manager.instances()] == [worker]


def test_starting_and_stopping_twice_is_as_once(manager, files):
    types = a_release(files, 1, a_type("web", "exec sleep 600"))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: is_up(manager, web))
    before = one(manager, web)
    manager.start([web], types)
    manager.ensure()
    assert one(manager, web) == before
    manager.stop([web])
    manager.stop([web])
    assert manager.instances() == []


def test_two_releases_run_side_by_side(manager, files):
    kind = a_type("web-2_x", "exec sleep 600")
    old = a_release(files, 9, kind)
    new = a_release(files, 10, kind)
    first, second = Process(9, kind.name, 1, 5000), Process(10, kind.name, 1, 5001)
    manager.start([first], old)
    manager.start([second], new)
    wait_for(lambda: is_up(manager, first, second))
    manager.stop([first])
    assert [instance.process for instance in manager.instances()] == [second]


def test_a_process_on_another_port_is_started_anew(manager, files):
    types = a_release(files, 1, a_type("web", "exec sleep 600"))
    manager.start([Process(1, "web", 1, 5000)], types)
    moved = Process(1, "web", 1, 5005)
    manager.start([moved], types)
    wait_for(lambda: is_up(manager, moved))
    assert environment_of(one(manager, moved))["PORT"] == "5005"
    assert len(manager.instances()) == 1


def test_a_crashed_process_comes_back_and_says_how_it_ended(manager, files):
    types = a_release(files, 1, a_type("worker", "echo once; exit 3"))
    worker = Process(1, "worker", 1, 5000)
    manager.start([worker], types)
    wait_for(lambda: manager.tail(worker, 9).count(b"once") >= 2)
    wait_for(lambda: one(manager, worker).state == CRASHED)
    crashed = one(manager, worker)
    assert crashed.restarts >= 1
    assert crashed.reason.startswith("exited with code 3 after 0.")
    manager.stop([worker])
    manager.start([worker], types)
    assert one(manager, worker).restarts == 0


def test_a_process_that_ends_again_and_again_is_failing_also_while_it_is_up(manager, files):
    types = a_release(files, 1, a_type("worker", "sleep 0.5; exit 3", healthy_time=1))
    worker = Process(1, "worker", 1, 5000)
    manager.start([worker], types)
    wait_for(lambda: is_up(manager, worker))
    assert not one(manager, worker).failing
    seen = []
    for state in (CRASHED, UP):
        wait_for(lambda: seen.append(one(manager, worker)) or (seen[-1].failing and seen[-1].state == state), 40)  # noqa: B023
        assert re.match("exited with code 3 after [01]", seen[-1].reason)  # what held it back is not counted
    told = alone(files)
    assert list(dict.fromkeys(event for event, _ in told)) == ["crashed", "failing"]
    assert len(told) < 5 + one(manager, worker).restarts / 10
    assert all(re.match("worker.1: exited with code 3 after [01]", text) for _, text in told)
    manager.stop([worker])
    manager.start([worker], types)
    assert not one(manager, worker).failing


def test_a_killed_process_comes_back_without_its_old_children(manager, files):
    types = a_release(files, 1, a_type("web", "exec python3 app.py", healthy_time=1), program={"app.py": CHILD_STAYS})
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: b"child up" in manager.tail(web, 5))
    first = one(manager, web).pid
    children = [process.pid for process in procfs.members(first) if process.pid != first]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: one(manager, web).restarts == 1 and is_up(manager, web))
    assert one(manager, web).reason.startswith("was killed by SIGKILL")
    assert children
    assert not [pid for pid in children if procfs.started(pid)]


def test_a_process_that_ignores_sigterm_ends_with_its_whole_group(manager, files):
    types = a_release(files, 1, a_type("web", "exec python3 app.py", stop_timeout=1), program={"app.py": STUBBORN})
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: manager.tail(web, 5).count(b"up") == 2)
    group = procfs.members(one(manager, web).pid)
    assert len(group) == 2
    assert manager.stop([web]) == [web]
    assert not [process.pid for process in group if procfs.started(process.pid)]
    assert alone(files) == [("killed", "web.1: did not stop within 1 s, and was killed")]


def test_a_process_that_is_killed_while_nobody_waits_is_told_all_the_same(manager, files):
    types = a_release(files, 1, a_type("web", "exec python3 app.py", stop_timeout=1), program={"app.py": STUBBORN})
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: manager.tail(web, 5).count(b"up") == 2)
    assert manager.stop([web], wait=False) == []
    wait_for(lambda: alone(files))
    wait_for(lambda: manager.instances() == [])
    manager.ensure()
    assert alone(files) == [("killed", "web.1: did not stop within 1 s, and was killed")]


def test_a_child_that_outlives_its_leader_ends_after_the_stop_timeout(manager, files):
    types = a_release(files, 1, a_type("web", "exec python3 app.py", stop_timeout=1), program={"app.py": CHILD_STAYS})
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: b"child up" in manager.tail(web, 5))
    group = procfs.members(one(manager, web).pid)
    assert len(group) == 2
    assert manager.stop([web]) == [web]
    assert not [process.pid for process in group if procfs.started(process.pid)]


def test_a_daemon_that_leaves_the_group_ends_with_its_process(manager, files):
    types = a_release(files, 1, a_type("web", "setsid sh -c 'setsid sleep 601 & sleep 0.1' & exec sleep 600"))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: [p for p in procfs.everyone() if procfs.arguments(p.pid) == ["sleep", "601"]])
    daemons = [p.pid for p in procfs.everyone() if procfs.arguments(p.pid) == ["sleep", "601"]]
    manager.stop([web])
    assert not [pid for pid in daemons if procfs.started(pid)]


def test_a_child_that_drains_is_given_the_stop_timeout(manager, files):
    drain = "trap 'sleep 0.7; echo drained; exit' TERM; echo up; while :; do sleep 0.05; done"
    types = a_release(files, 1, a_type("web", f"sh -c {json.dumps(drain)} & wait", stop_timeout=10))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: b"up" in manager.tail(web, 5))
    group = procfs.members(one(manager, web).pid)
    assert manager.stop([web]) == []
    assert not [process.pid for process in group if procfs.started(process.pid)]
    wait_for(lambda: manager.tail(web, 1) == b"drained\n")


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


def test_output_is_kept_and_followed(manager, files):
    command = "i=0; while :; do i=$((i+1)); echo line $i; echo err $i >&2; sleep 0.05; done"
    types = a_release(files, 1, a_type("web", command))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: b"line 5\n" in manager.tail(web, 100))
    assert len(manager.tail(web, 3).splitlines()) == 3
    entries, now = manager.entries(web, 3), time.time()
    assert len(entries) == 3
    assert all(re.fullmatch(rb"(line|err) [0-9]+", text) for _, text in entries)
    assert all(at == 0 or now - 600 < at <= now for at, _ in entries)
    got: list[bytes] = []
    manager.follow([web], 2, lambda _, at, text: got.append(text), lambda: b"".join(got).count(b"line") > 6)
    numbers = [int(line.split()[1]) for line in b"".join(got).splitlines() if line.startswith(b"line")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_missing_env_is_one_clear_line_in_the_log(manager, files):
    types = a_release(files, 1, a_type("web", "exec sleep 600"))
    (files.release(1) / "env").unlink()
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: one(manager, web).reason)
    assert one(manager, web).reason.startswith("exited with code 127")
    assert b"deployer: cannot launch web.1 of v1: " in manager.tail(web, 1)


def test_one_plain_program_has_no_shell_in_front_of_it(manager, files):
    types = a_release(files, 1, a_type("web", "NAME=value sleep $PORT"))
    web = Process(1, "web", 1, 5000)
    manager.start([web], types)
    wait_for(lambda: is_up(manager, web))
    wait_for(lambda: procfs.arguments(one(manager, web).pid) == ["sleep", "5000"])


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
        types = a_release(
            files, 1, a_type("web", "id -un; id -Gn; echo $HOME; cat ../env; exec sleep 600"), run_as="nobody"
        )
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
