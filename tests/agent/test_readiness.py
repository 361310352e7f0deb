"""When is a process up, and what is said of one that is not?  On a real supervisord, with real servers."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import pytest

from deployer.agent import sockets
from deployer.agent.readiness import await_ready
from deployer.agent.supervisor import Supervisor
from deployer.agent.timings import Timings
from deployer.core.errors import Interrupted, RunFailed
from deployer.core.formation import Process

from .releases import a_release, a_type, wait_for
from .serving import PROGRAM, SERVER, bring_up, failure, http, web


@pytest.fixture
def build():
    return Supervisor


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_web_process_is_up_when_it_listens_wherever_it_does(manager, files, port, host):
    types = a_release(files, 1, web(health="/up"), program=PROGRAM, variables={"HOST": host})
    bring_up(manager, [Process(1, "web", 1, port)], types)


def test_a_child_of_the_shell_may_be_the_one_that_listens(manager, files, port):
    types = a_release(files, 1, web("cd . && python3 server.py; true"), program=PROGRAM)
    bring_up(manager, [Process(1, "web", 1, port)], types)


def test_a_redirect_is_an_answer_and_is_not_followed(manager, files, port):
    types = a_release(files, 1, web(health="/moved"), program=PROGRAM)
    bring_up(manager, [Process(1, "web", 1, port)], types)


def test_a_health_path_that_fails_at_first_is_asked_again(manager, files, port):
    types = a_release(files, 1, web(health="/up"), program=PROGRAM, variables={"WARM": "0.5"})
    bring_up(manager, [Process(1, "web", 1, port)], types)


def test_a_fast_app_is_not_kept_waiting(manager, files, port):
    types = a_release(files, 1, web("exec python3 -IS server.py", health="/up", healthy_time=0), program=PROGRAM)
    begun = time.monotonic()
    bring_up(manager, [Process(1, "web", 1, port)], types)
    assert time.monotonic() - begun < 2


def test_a_health_path_that_answers_500_is_told(manager, files, port):
    types = a_release(files, 1, web(health="/no", boot_timeout=1), program=PROGRAM)
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == "web.1 of v1 answered 500 at /no after 1 s"
    assert "booting" in failed.output


def test_a_slow_health_path_is_told_and_check_is_still_called(manager, files, port):
    types = a_release(files, 1, web(health="/up", boot_timeout=1), program=PROGRAM, variables={"SLOW": "4"})
    calls: list[float] = []
    manager.start([Process(1, "web", 1, port)], types)
    with pytest.raises(RunFailed, match=r"(has not answered|did not answer) at /up "):
        await_ready(manager, [Process(1, "web", 1, port)], types, check=lambda: calls.append(time.monotonic()))
    assert max(b - a for a, b in itertools.pairwise(calls)) < 0.9


def test_without_a_health_path_any_answer_below_500_will_do(manager, files, port):
    types = a_release(files, 1, http(), program=PROGRAM)
    bring_up(manager, [Process(1, "web", 1, port)], types)
    sick = a_release(files, 2, http(boot_timeout=1), program={**PROGRAM, "sick": ""})
    manager.stop([Process(1, "web", 1, port)])
    assert failure(manager, [Process(2, "web", 1, port)], sick).message == "web.1 of v2 answered 500 at / after 1 s"


BOUND_BY_THE_MASTER = """\
import os, socket, subprocess, sys, time
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
listener.set_inheritable(True)
while True:
    subprocess.run([sys.executable, "-c", "import no_such_app"], close_fds=False)
    time.sleep(0.2)
"""


def test_a_master_that_listens_before_its_app_can_be_imported_is_not_up(manager, files, port):
    types = a_release(
        files, 1, http("exec python3 server.py", boot_timeout=2), program={"server.py": BOUND_BY_THE_MASTER}
    )
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == "web.1 of v1 has not answered at / after 2 s"
    assert "No module named 'no_such_app'" in failed.output


def test_a_first_answer_may_take_longer_than_any_other(manager, files, port):
    types = a_release(files, 1, http(boot_timeout=20), program=PROGRAM, variables={"SLOW": "6"})
    bring_up(manager, [Process(1, "web", 1, port)], types)


def test_an_app_that_knows_its_own_domain_only_is_told_how_to_say_it(manager, files, port):
    own = SERVER.replace(
        'time.sleep(float(os.environ.get("SLOW", "0")))',
        'if self.headers["Host"] != "a.example": return self.send_error(400)',
    )
    assert own != SERVER
    types = a_release(files, 1, http(health="/up", boot_timeout=1), program={"server.py": own})
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == "web.1 of v1 answered 400 at /up (asked with Host: localhost) after 1 s"
    assert "`health: {path: /up, host: shop.example.com}`" in failed.hint
    manager.stop([Process(1, "web", 1, port)])
    types = a_release(files, 2, http(health="/up", health_host="a.example"), program={"server.py": own})
    bring_up(manager, [Process(2, "web", 1, port)], types)


def test_what_speaks_no_http_is_told_so_at_once(manager, files, port):
    banner = SERVER.partition("class Handler")[0] + (
        "s = __import__('socket').create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        "while True:\n    s.accept()[0].sendall(b'220 hello\\r\\n')\n"
    )
    types = a_release(files, 1, http(boot_timeout=60), program={"server.py": banner})
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == f"web.1 of v1 does not speak HTTP on port {port} (it said '220 hello')"
    assert "{health: tcp}" in failed.hint


def test_a_process_that_ends_while_it_settles_has_failed(manager, files, port):
    crash = "import threading; threading.Timer(1, os._exit, [3]).start()\n"
    server = SERVER.replace("begun = time.monotonic()\n", f"begun = time.monotonic()\n{crash}")
    types = a_release(files, 1, http(healthy_time=30), program={"server.py": server})
    begun = time.monotonic()
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message.startswith("web.1 of v1 exited with code 3 after ")
    assert time.monotonic() - begun < 25


def test_a_process_that_answers_badly_while_it_settles_has_failed(manager, files, port):
    sick = 'open("../../../shared/sick", "w")'
    server = SERVER.replace('"sick"', '"../../../shared/sick"').replace(
        "begun = time.monotonic()\n",
        f"begun = time.monotonic()\n__import__('threading').Timer(1, lambda: {sick}).start()\n",
    )
    files.shared.mkdir(exist_ok=True)
    types = a_release(files, 1, http(healthy_time=30), program={"server.py": server})
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message.startswith("web.1 of v1 answered 500 at /, ")
    assert failed.message.endswith(" s after it came up")


def test_processes_settle_side_by_side_for_the_time_that_is_theirs(manager, files, port):
    types = a_release(
        files, 1, http(healthy_time=2), a_type("worker", "exec sleep 600", healthy_time=2), program=PROGRAM
    )
    processes = [*(Process(1, "web", n, port + n - 1) for n in (1, 2)), Process(1, "worker", 1, 5100)]
    manager.start(processes, types)
    begun = time.monotonic()
    timings = Timings()
    await_ready(manager, processes, types, check=lambda: None, timings=timings)
    took = time.monotonic() - begun
    assert 2 <= took < 4 + timings.ready["web"]
    begun = time.monotonic()
    await_ready(manager, processes, types, check=lambda: None, timings=timings)
    assert time.monotonic() - begun < 1.5, "what has settled is asked once more, and no longer"


def test_an_app_that_never_binds_is_told(manager, files, port):
    types = a_release(files, 5, web("echo hello; exec sleep 600", boot_timeout=0.5))
    failed = failure(manager, [Process(5, "web", 1, port)], types)
    assert failed.message == f"web.1 of v5 does not listen on port {port} after 0.5 s"
    assert failed.output == "hello\n"
    assert failed.exit_code == 30


def test_a_crash_fails_at_once_with_the_last_lines(manager, files, port):
    command = "for i in $(seq 30); do echo line $i; done; exit 7"
    types = a_release(files, 1, web(command, boot_timeout=60))
    begun = time.monotonic()
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message.startswith("web.1 of v1 exited with code 7 after 0.")
    assert failed.output.splitlines() == [f"line {i}" for i in range(11, 31)]
    assert time.monotonic() - begun < 10


def test_a_worker_is_up_when_it_has_stayed_for_its_healthy_time(manager, files):
    types = a_release(files, 1, a_type("worker", "exec sleep 600", healthy_time=1))
    begun = time.time()
    bring_up(manager, [Process(1, "worker", 1, 5100)], types)
    assert 1 <= time.time() - begun < 5


def test_a_worker_that_ends_within_its_healthy_time_has_failed(manager, files):
    types = a_release(files, 1, a_type("worker", "sleep 0.5; echo done", healthy_time=3))
    failed = failure(manager, [Process(1, "worker", 1, 5100)], types)
    assert failed.message.startswith("worker.1 of v1 exited with code 0 after 0.")


def test_a_worker_killed_by_a_signal_is_told_so(manager, files):
    types = a_release(files, 1, a_type("worker", "kill -SEGV $$"))
    assert "was killed by SIGSEGV" in failure(manager, [Process(1, "worker", 1, 5100)], types).message


def test_processes_are_watched_together(manager, files, port):
    types = a_release(files, 1, web(), a_type("worker", "sleep 0.1; exit 4"), program=PROGRAM, variables={"BOOT": "9"})
    begun = time.monotonic()
    failed = failure(manager, [Process(1, "web", 1, port), Process(1, "worker", 1, 5100)], types)
    assert failed.message.startswith("worker.1")
    assert time.monotonic() - begun < 8


def test_a_port_of_somebody_else_is_not_this_process_s(manager, files, port):
    other = subprocess.Popen([sys.executable, "-c", SERVER], env={"PORT": str(port)}, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: sockets.listens(other.pid, port))
        types = a_release(files, 1, web("exec sleep 600", boot_timeout=0.5))
        failed = failure(manager, [Process(1, "web", 1, port)], types)
        assert f"does not listen on port {port} after 0.5 s; port {port} is held by pid {other.pid} (" in failed.message
        crashing = a_release(files, 2, web(), program=PROGRAM)
        failed = failure(manager, [Process(2, "web", 1, port)], crashing)
        assert failed.message.startswith("web.1 of v2 exited with code 1")
        assert f"port {port} is held by pid {other.pid}" in failed.message
        assert "Address already in use" in failed.output
    finally:
        other.kill()
        other.wait()


def test_what_check_raises_ends_the_wait(manager, files, port):
    types = a_release(files, 1, web("exec sleep 600", boot_timeout=60))

    def lost() -> None:
        raise Interrupted("the operator has gone")

    with pytest.raises(Interrupted):
        bring_up(manager, [Process(1, "web", 1, port)], types, check=lost)


def test_a_process_that_has_long_been_up_is_ready_whatever_happened_to_it_before(manager, files):
    types = a_release(files, 1, a_type("worker", "test -e again || { touch again; exit 1; }; exec sleep 600"))
    worker = Process(1, "worker", 1, 5100)
    manager.start([worker], types)
    wait_for(lambda: manager.instances()[0].restarts == 1 and time.time() - manager.instances()[0].since > 0.5)
    await_ready(manager, [worker], types, check=lambda: None)


def test_what_is_waited_for_is_told_as_it_changes(manager, files, port):
    types = a_release(files, 1, web(health="/up", healthy_time=0.3), program=PROGRAM, variables={"WARM": "0.5"})
    told = []
    timings = Timings(begun=0.0, tell=lambda text, spent, of: told.append((text, of)))
    processes = [Process(1, "web", 1, port)]
    manager.start(processes, types)
    await_ready(manager, processes, types, check=lambda: None, timings=timings)
    assert (f"web.1: waiting for an answer to GET /up on port {port} (the last one was 503)", 60.0) in told
    assert told[-1] == ("web.1: up, checking that it stays up", 0.3)
    assert len(set(told)) == len(told), "each once"
