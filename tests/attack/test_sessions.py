"""Operators that stop, stall or die, and what they leave on the host."""

import hashlib
import os
import resource
import signal
import subprocess
import threading
import time

import pytest

from deployer.agent import procfs
from deployer.agent.lock import Lock
from tests.e2e.deployed import DEPLOY, eventually

FLOOD = "while :; do echo 0123456789012345678901234567890123456789; done"


def with_release(tiny, command):
    """A release command of our own."""
    kept = [line for line in (tiny.folder / "Procfile").read_text().splitlines() if not line.startswith("release:")]
    tiny.procfile("\n".join([*kept, f"release: {command}"]) + "\n")


def running(*words):
    """The pids of processes whose argument list ends with these words."""
    return [p.pid for p in procfs.everyone() if p.alive and procfs.arguments(p.pid)[-len(words) :] == list(words)]


@pytest.mark.slow
def test_a_stopped_operator_loses_the_lock_though_the_host_has_much_to_tell_it(deployed, tiny):
    deployed.deploy("ship")
    with_release(tiny, FLOOD)
    first = deployed.start("ship")
    try:
        assert first.stderr is not None
        for line in first.stderr:
            if "0123456789" in line:
                break
        os.kill(first.pid, signal.SIGSTOP)
        assert deployed.run("restart", "--wait", "50s").code == 0
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()


def test_a_dead_operators_process_ends_though_it_left_its_input_unread(deployed):
    deployed.deploy("ship")
    flood = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    operator = deployed.start("exec", "--", "sleep", "986532", stdin=flood.stdout)
    try:
        (pid,) = eventually(lambda: running("sleep", "986532"), what="the one-off process")
        time.sleep(1)  # all buffers between the two are full now
        operator.kill()
        eventually(lambda: procfs.started(pid) is None, seconds=20, what="its end")
    finally:
        flood.kill()
        operator.kill()
        operator.communicate()
        flood.communicate()


def test_a_signal_reaches_a_process_that_leaves_endless_input_unread(deployed):
    deployed.deploy("ship")
    flood = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done"
    operator = deployed.start("exec", "--", "sh", "-c", script, stdin=flood.stdout)
    try:
        assert operator.stdout is not None
        assert operator.stdout.readline() == "ready\n"
        time.sleep(1)  # all buffers between the two are full now
        operator.send_signal(signal.SIGINT)
        out, told = operator.communicate(timeout=30)
        assert (operator.returncode, out) == (9, "caught\n"), told
    finally:
        flood.kill()
        operator.kill()
        operator.communicate()
        flood.communicate()


def test_much_input_arrives_whole_whatever_is_read_when(deployed, tmp_path):
    deployed.deploy("ship")
    (tmp_path / "much").write_bytes(os.urandom(3 << 20))
    wanted = hashlib.sha256((tmp_path / "much").read_bytes()).hexdigest()
    with open(tmp_path / "much", "rb") as much:
        operator = deployed.start("exec", "--", "sh", "-c", "sleep 0.5; sha256sum", stdin=much)
        assert operator.communicate(timeout=60)[0].split()[0] == wanted


def test_output_that_is_read_slowly_does_not_pile_up_in_memory(deployed):
    deployed.deploy("ship")
    limit = 1 << 30  # bytes of address space: an interpreter with its threads needs a third of it
    operator = subprocess.Popen(
        [*DEPLOY, "exec", "--", "head", "-c", "1500000000", "/dev/zero"],
        cwd=deployed.folder,
        env=deployed.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),  # noqa: PLW1509
    )
    try:
        time.sleep(3)
        with open(f"/proc/{operator.pid}/status") as status:
            (size,) = [int(line.split()[1]) for line in status if line.startswith("VmRSS")]
        assert size < 150_000  # KiB
    finally:
        operator.kill()
        operator.communicate()


def test_a_run_whose_guard_was_killed_succeeds_all_the_same(deployed):
    deployed.deploy("ship")
    command = deployed.start("restart")
    guards = eventually(
        lambda: [p.pid for p in procfs.everyone() if procfs.arguments(p.pid)[-4:-2] == [str(deployed.root), "tiny"]]
    )
    os.kill(guards[0], signal.SIGKILL)
    _, told = command.communicate(timeout=60)
    assert command.returncode == 0, told
    assert deployed.differences() == []


def test_who_only_asks_about_the_lock_is_no_holder(tmp_path):
    place, over = tmp_path / "lock", threading.Event()
    holder = {"who": "me", "command": "deploy run", "at": "now"}

    def ask():
        while not over.is_set():
            Lock(place).held()

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(200):
            lock = Lock(place)
            lock.take(holder, 0, print)
            lock.release()
    finally:
        over.set()
        for thread in asking:
            thread.join()


def test_prune_leaves_the_release_that_a_one_off_process_runs_from(deployed, tiny):
    deployed.deploy("ship")
    operator = deployed.start("exec", "--", "sh", "-c", "sleep 5; cat text.txt")
    try:
        eventually(lambda: running("sh", "-c", "sleep 5; cat text.txt"))
        for number in (2, 3, 4):
            tiny.say(f"text {number}")
            deployed.deploy("ship")
        deployed.deploy("prune", "--keep", "1")
        out, told = operator.communicate(timeout=30)
        assert (operator.returncode, out) == (0, "hello\n"), told
    finally:
        operator.kill()
        operator.communicate()
    deployed.deploy("prune", "--keep", "1")
    assert not (deployed.root / "releases" / "v1").exists()


@pytest.mark.parametrize("program", ["./text.txt", "./"])
def test_exec_of_what_is_no_program_is_told_as_such(deployed, program):
    deployed.deploy("ship")
    result = deployed.run("exec", "--", program)
    assert result.code == 3
    assert program in result.err
    assert "switched" not in result.err


def test_a_state_folder_may_have_any_name(deployed):
    deployed.env["XDG_STATE_HOME"] = str(deployed.home / ".tmp-state" / "ünï cödé %s")
    deployed.deploy("build")
    deployed.deploy("release")
