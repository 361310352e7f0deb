"""How does every process manager start, keep and end processes?  A new one is one more entry of MANAGERS."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

from deployer.agent import events, procfs
from deployer.agent.layout import Layout
from deployer.agent.managers import CRASHED, UP
from deployer.core.formation import Process

from .managed import CHILD_STAYS, environment_of, in_plain_and_odd_folders, is_up, one
from .releases import a_release, a_type, wait_for

STUBBORN = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
print("up", os.getpid(), flush=True)
time.sleep(600)
"""
TOLD_OTHERWISE = """\
import signal, sys, time
def told(number, _):
    print("told by", number, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for name in sys.argv[1:]:
    signal.signal(signal.Signals[f"SIG{name}"], told)
print("up", flush=True)
time.sleep(600)
"""
pytestmark = in_plain_and_odd_folders


def alone(files: Layout) -> list[tuple[str, str]]:
    """What the host did that nobody had asked for."""
    return [(entry["event"], entry["text"]) for entry in events.read(files, 99)]


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


def test_a_process_is_told_to_stop_by_the_signal_of_its_type(manager, files):
    web = a_type("web", "exec python3 app.py QUIT", stop_timeout=20, stop_signal="QUIT")
    worker = a_type("worker", "exec python3 app.py", stop_timeout=20, stop_signal="USR1")  # it dies of that
    types = a_release(files, 1, web, worker, program={"app.py": TOLD_OTHERWISE})
    both = [Process(1, "web", 1, 5000), Process(1, "worker", 1, 5100)]
    manager.start(both, types)
    wait_for(lambda: all(b"up" in manager.tail(process, 5) for process in both))
    begun = time.monotonic()
    assert manager.stop(both) == []
    assert time.monotonic() - begun < 15
    assert b"told by 3" in manager.tail(both[0], 5)
    assert manager.instances() == alone(files) == []


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
