"""Sockets that outlive releases, and when processes that share one are up: under every process manager."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.agent import sockets
from deployer.agent.layout import Layout
from deployer.agent.managers import ProcessManager
from deployer.agent.readiness import await_ready
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType

from .managed import MANAGERS, ODD, environment_of, is_up, of_the_target, one
from .owned import COMMAND, PROGRAM, ask, asked
from .releases import a_release, a_target, a_type, wait_for

NOTIFYING = """\
import os, socket, sys, time
def say(text):
    speaker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    speaker.connect(os.environ["NOTIFY_SOCKET"].replace("@", chr(0)))
    speaker.send(text)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
say(b"STATUS=here\\nREADY=1\\n")
print("said", flush=True)
while True:
    time.sleep(0.2)
    if os.path.exists(sys.argv[1]):
        say(b"WATCHDOG=1")
"""


@pytest.fixture(params=["plain", ODD], ids=["plain", "odd"])
def files(request, tmp_path: Path) -> Layout:
    return a_target(tmp_path / request.param)


@pytest.fixture(params=list(MANAGERS))
def manager(request, files) -> Iterator[ProcessManager]:
    made = MANAGERS[request.param](files)
    made.ensure()
    yield made
    made.shutdown()
    wait_for(lambda: of_the_target(files) == [])


def web(command: str = COMMAND, **fields) -> ProcessType:
    return a_type("web", command, binds_port=True, listen="socket", **fields)


def come_up(manager, processes, types) -> None:
    manager.start(processes, types)
    await_ready(manager, processes, types, check=lambda: None)


def test_no_connection_is_refused_while_one_release_takes_the_place_of_another(manager, files, port):
    releases = [a_release(files, version, web(health="/"), program=PROGRAM) for version in (1, 2, 3)]
    before = [Process(1, "web", 1, port), Process(1, "web", 2, port)]
    come_up(manager, before, releases[0])
    with asked(port) as counted:
        for version in (2, 3):
            after = [Process(version, "web", number, port) for number in (1, 2)]
            come_up(manager, after, releases[version - 1])
            manager.stop(before)
            before = after
            seen = counted[f"v{version}"]
            wait_for(lambda seen=seen, version=version: counted[f"v{version}"] > seen + 20)
    assert set(counted) == {"v1", "v2", "v3"}, counted


def test_connections_wait_while_nothing_runs_and_are_refused_when_the_socket_is_closed(manager, files, port):
    types = a_release(files, 1, web(), program=PROGRAM)
    process = Process(1, "web", 1, port)
    come_up(manager, [process], types)
    for _ in range(3):
        os.kill(one(manager, process).pid, signal.SIGKILL)
        assert ask(port).startswith("v1 ")
    manager.stop([process])
    manager.close_sockets(but=["web"])
    with socket.create_connection(("127.0.0.1", port), 5):
        pass
    manager.close_sockets()
    with pytest.raises(ConnectionRefusedError):
        ask(port)
    come_up(manager, [process], types)
    assert ask(port).startswith("v1 ")


def test_a_process_is_given_its_socket_as_systemd_gives_it(manager, files, port):
    types = a_release(files, 1, web(), program=PROGRAM)
    process = Process(1, "web", 1, port)
    come_up(manager, [process], types)
    pid = one(manager, process).pid
    assert ask(port) == f"v1 {pid} 1"  # it does not delay small packets
    environment = environment_of(one(manager, process))
    assert (environment["LISTEN_FDS"], environment["LISTEN_FDNAMES"]) == ("1", "web")
    assert (environment["LISTEN_PID"], environment["PORT"]) == (str(pid), str(port))
    assert os.readlink(f"/proc/{pid}/fd/3").startswith("socket:")


def test_an_older_process_does_not_answer_for_a_newer_one(manager, files, port):
    old = a_release(files, 1, web(health="/"), program=PROGRAM)
    come_up(manager, [Process(1, "web", 1, port)], old)
    idle = a_release(files, 2, web("exec sleep 600", health="/", boot_timeout=1.5))
    told = r"web\.1 of v2 has taken no connection after 1\.5 s \(others on its socket took \d+\)"
    with pytest.raises(RunFailed, match=told):
        come_up(manager, [Process(2, "web", 1, port)], idle)
    manager.stop([Process(2, "web", 1, port)])
    wrong = a_release(files, 3, web(health="/no", boot_timeout=3), program=PROGRAM)
    with pytest.raises(RunFailed, match=r"web\.1 of v3 answered 500 at /no after 3 s"):
        come_up(manager, [Process(3, "web", 1, port)], wrong)
    manager.stop([Process(3, "web", 1, port)])
    slow = a_release(files, 4, web(), program=PROGRAM, variables={"BOOT": "1"})
    begun = time.monotonic()
    come_up(manager, [Process(4, "web", 1, port)], slow)
    assert time.monotonic() - begun >= 1


def test_a_trial_has_a_socket_of_its_own(manager, files, port):
    types = a_release(files, 1, web(), program=PROGRAM)
    come_up(manager, [Process(1, "web", 1, port)], types)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        spare = probe.getsockname()[1]
    trial = Process(2, "web", 0, spare)
    come_up(manager, [trial], a_release(files, 2, web(), program=PROGRAM))
    assert ask(spare).startswith("v2 ")
    assert {ask(port).split()[0] for _ in range(20)} == {"v1"}
    manager.stop([trial])
    with pytest.raises(ConnectionRefusedError):
        ask(spare)


def test_a_type_may_go_back_to_a_port_and_to_another_one(manager, files, port):
    come_up(manager, [Process(1, "web", 1, port)], a_release(files, 1, web(), program=PROGRAM))
    manager.stop([Process(1, "web", 1, port)])
    server = "exec python3 -m http.server --bind 127.0.0.1 $PORT"
    plain = a_release(files, 2, a_type("web", server, binds_port=True, health="/"))
    come_up(manager, [Process(2, "web", 1, port)], plain)
    manager.stop([Process(2, "web", 1, port)])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    come_up(manager, [Process(1, "web", 1, other)], {"web": web()})
    assert ask(other).startswith("v1 ")
    with pytest.raises(ConnectionRefusedError):
        ask(port)


def test_a_port_that_another_program_has_is_told(manager, files):
    types = a_release(files, 1, web(), program=PROGRAM)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(RunFailed, match=rf"port {port}, which the socket of web has"):
            manager.start([Process(1, "web", 1, port)], types)


def test_a_process_is_up_when_it_says_so(manager, files):
    notifying = a_type("worker", "exec python3 app.py ../../../shared/go", health="notify", boot_timeout=1)
    files.shared.mkdir(exist_ok=True)
    types = a_release(files, 1, notifying, program={"app.py": NOTIFYING})
    worker = Process(1, "worker", 1, 5100)
    manager.start([worker], types)
    with pytest.raises(RunFailed, match=r"worker\.1 of v1 has not said READY=1 after 1 s"):
        await_ready(manager, [worker], types, check=lambda: None)
    assert not manager.said_ready(worker)
    (files.shared / "go").touch()
    await_ready(manager, [worker], types, check=lambda: None)
    assert is_up(manager, worker)


def test_a_process_of_a_release_that_says_nothing_runs_beside_one_that_does(manager, files):
    silent = a_release(files, 1, a_type("worker", "exec sleep 600"))
    notifying = a_type("worker", "exec python3 app.py .", health="notify")
    come_up(manager, [Process(2, "worker", 1, 5100)], a_release(files, 2, notifying, program={"app.py": NOTIFYING}))
    manager.start([Process(1, "worker", 1, 5101)], silent)
    await_ready(manager, [Process(1, "worker", 1, 5101)], silent, check=lambda: None)


def test_a_process_without_a_port_is_up_when_its_health_command_says_so(manager, files):
    command = "test $PORT = 5100 && test -e ../../../shared/go || { echo not yet; exit 3; }"
    kind = a_type("worker", "exec sleep 600", health_command=command, boot_timeout=1)
    types = a_release(files, 1, kind)
    worker = Process(1, "worker", 1, 5100)
    with pytest.raises(RunFailed, match=r"its health_command ended with 3, saying 'not yet', after 1 s"):
        come_up(manager, [worker], types)
    files.shared.mkdir(exist_ok=True)
    (files.shared / "go").touch()
    await_ready(manager, [worker], types, check=lambda: None)


def test_a_health_command_that_hangs_is_ended_with_the_wait(manager, files):
    kind = a_type("worker", "exec sleep 600", health_command="sleep 602", boot_timeout=1)
    with pytest.raises(RunFailed, match=r"its health_command has not ended after 1 s"):
        come_up(manager, [Process(1, "worker", 1, 5100)], a_release(files, 1, kind))
    wait_for(lambda: subprocess.run(["pgrep", "-fx", "sleep 602"], check=False, capture_output=True).returncode == 1)


def test_what_speaks_tcp_is_up_when_it_takes_a_connection(manager, files, port):
    deaf = "import socket, time, os; s = socket.create_server(('127.0.0.1', int(os.environ['PORT']))); time.sleep(600)"
    kind = a_type("echo", f'exec python3 -c "{deaf}"', binds_port=True, health="tcp", boot_timeout=1)
    with pytest.raises(RunFailed, match=r"echo\.1 of v1 has taken no connection after 1 s"):
        come_up(manager, [Process(1, "echo", 1, port)], a_release(files, 1, kind))
    manager.stop([Process(1, "echo", 1, port)])
    good = deaf.replace("time.sleep(600)", "[s.accept() for _ in iter(int, 1)]")
    kind = a_type("echo", f'exec python3 -c "{good}"', binds_port=True, health="tcp")
    come_up(manager, [Process(2, "echo", 1, port)], a_release(files, 2, kind))
    assert sockets.listens(one(manager, Process(2, "echo", 1, port)).pid, port)
