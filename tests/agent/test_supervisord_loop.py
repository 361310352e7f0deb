"""supervisord neither spins nor blocks nor leaks, whatever becomes of descriptors, processes and disks."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deployer.agent import supervisor_conf
from deployer.agent.layout import Layout
from deployer.agent.managers import UP
from deployer.agent.supervisor import Supervisor
from deployer.agent.supervisor_client import Client
from deployer.agent.supervisor_daemon import ERRORS
from deployer.core.formation import Process

from .managed import is_up, of_the_target, one
from .releases import a_release, a_target, a_type, wait_for

WEB, WORKER = Process(1, "web", 1, 5000), Process(1, "worker", 1, 5100)
IDLE = 0.02  # of a core, over WATCHED; a loop that spins takes more than ten times that
WATCHED = 1.5  # seconds
PIDS = Path("/sys/fs/cgroup/pids")
FLOOD = "while :; do echo {lines} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; echo >> {lines}; done"
SILENT = "exec >&- 2>&-; exec sleep 600"


@pytest.fixture
def build():
    return Supervisor


@pytest.fixture
def types(files):
    return a_release(files, 1, a_type("web", "exec sleep 600"), a_type("worker", "exec sleep 600"))


def daemon(files: Layout) -> int:
    return Client(files.root).call("getPID")


def busy(pid: int, seconds: float = WATCHED) -> float:
    """Which share of a core it takes while we look."""

    def used() -> int:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])

    before, begun = used(), time.monotonic()
    time.sleep(seconds)
    return (used() - before) / 1e9 / (time.monotonic() - begun)


def descriptors(pid: int) -> dict[str, str]:
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed just now
            found[name] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def count(pid: int, kind: str) -> int:
    """How many of its descriptors are of this kind: `pipe`, `socket`."""
    return sum(what.startswith(f"{kind}:") for what in descriptors(pid).values())


def connected(files: Layout) -> socket.socket:
    """A connection to supervisord."""
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(20)
    made.connect(str(files.root / supervisor_conf.SOCKET))
    return made


def a_request(method: str, *arguments: object) -> bytes:
    body = xmlrpc.client.dumps(arguments, method).encode()
    return b"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """What is done meanwhile it sees all at once."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_connections_that_are_cut_while_a_process_is_started_do_not_make_it_spin(manager, files):
    types = a_release(files, 1, a_type("web", SILENT))  # it closes its end of the pipe
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    pid, key = daemon(files), supervisor_conf.key(WEB)
    Client(files.root).call("stopProcess", key)
    wait_for(lambda: count(pid, "socket") == 1)
    readers = [connected(files) for _ in range(6)]  # their numbers are the next that pipes are given
    teller = connected(files)
    wait_for(lambda: count(pid, "socket") == 8)
    calls = [{"methodName": "supervisor.getAllProcessInfo", "params": []}] * 300
    for reader in readers:
        reader.sendall(a_request("system.multicall", calls))  # and more of an answer than fits into the socket
    for reader in readers:
        assert reader.recv(1)
    with frozen(pid):
        for reader in readers:
            reader.close()
        teller.sendall(a_request("supervisor.startProcess", key, False))
    assert teller.recv(1 << 16).startswith(b"HTTP/1.0 200")
    teller.close()
    wait_for(lambda: is_up(manager, WEB))
    assert busy(pid) < IDLE


def test_restarts_under_the_eyes_of_readers_leave_nothing_behind(manager, files, types):
    manager.start([WEB, WORKER], types)
    wait_for(lambda: is_up(manager, WEB, WORKER))
    pid, done = daemon(files), threading.Event()
    wait_for(lambda: count(pid, "socket") == 1)
    sizes = len(descriptors(pid)), len(of_the_target(files))

    def read() -> None:
        while not done.is_set():
            manager.instances()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(12):
            manager.stop([WEB] if turn % 2 else [WEB, WORKER])
            manager.start([WEB, WORKER], types)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    wait_for(lambda: is_up(manager, WEB, WORKER))
    wait_for(lambda: (len(descriptors(pid)), len(of_the_target(files))) == sizes)
    assert daemon(files) == pid
    assert busy(pid) < IDLE


def test_no_process_has_a_pipe_for_its_stdin(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    assert count(daemon(files), "pipe") == 1  # what it says


def test_a_process_that_cannot_be_logged_runs_and_what_it_says_is_counted(manager, files):
    types = a_release(files, 1, a_type("web", "while :; do echo a line; sleep 0.1; done"))
    log = files.root / supervisor_conf.log(WEB)
    log.mkdir(parents=True)  # it cannot be opened
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    pid = one(manager, WEB).pid
    log.rmdir()
    wait_for(lambda: log.exists() and b"a line" in log.read_bytes())
    assert re.match(
        rb"\n\[deployer: [1-9][0-9]* bytes of output were lost here: Is a directory\]\na line\n", log.read_bytes()
    )
    assert one(manager, WEB).pid == pid


def test_a_socket_that_was_swept_away_is_made_anew_and_nothing_is_called_stopped(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    pid, process = daemon(files), one(manager, WEB).pid
    (files.root / supervisor_conf.SOCKET).unlink()
    assert one(manager, WEB).state == UP
    wait_for((files.root / supervisor_conf.SOCKET).exists)
    manager.start([WORKER], types)
    wait_for(lambda: is_up(manager, WEB, WORKER))
    assert (daemon(files), one(manager, WEB).pid) == (pid, process)
    assert (files.root / supervisor_conf.SOCKET).stat().st_mode & 0o777 == 0o700


def test_a_supervisord_that_ends_untold_is_started_again_until_it_can_run(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    pid, broken = daemon(files), files.root / supervisor_conf.PROCESSES / "broken.conf"
    broken.write_text("[program:broken]\n")
    os.kill(pid, signal.SIGHUP)  # it reads its files anew, cannot, and ends
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    wait_for(lambda: b"broken" in (files.root / ERRORS).read_bytes())
    broken.unlink()
    wait_for(lambda: is_up(manager, WEB), 30)
    assert daemon(files) != pid


def test_a_supervisord_that_has_nothing_to_keep_alive_ends_and_comes_back_when_needed(manager, files, types):
    manager.start([WEB], types)
    manager.rest()
    assert of_the_target(files)
    manager.stop([WEB])
    manager.rest()
    wait_for(lambda: of_the_target(files) == [])
    manager.rest()
    assert manager.instances() == []
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))


def test_with_no_descriptor_to_spare_clients_wait_and_nothing_spins(manager, files):
    pid = daemon(files)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    wait_for(lambda: count(pid, "socket") == 1)
    most = max(map(int, descriptors(pid))) + 1
    spare = most - len(descriptors(pid))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, limits[1]))
    held = [connected(files) for _ in range(spare)]
    wait_for(lambda: len(descriptors(pid)) == most)
    waits = connected(files)
    waits.sendall(a_request("supervisor.getPID"))
    assert busy(pid) < IDLE
    for client in held:
        client.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert str(pid).encode() in waits.recv(1 << 16)
    waits.close()


@pytest.mark.skipif(not os.access(PIDS, os.W_OK), reason="needs control groups")
def test_a_process_that_cannot_be_forked_neither_blocks_nor_wakes_it(manager, files, types):
    pid, group = daemon(files), PIDS / f"deployer-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / "pids.max").write_text("1")
        manager.start([WEB], types)
        refused = lambda: (files.log / "supervisord.log").read_text().count("Too many processes")
        wait_for(lambda: refused() == 2)
        clients = [connected(files) for _ in range(6)]  # of the numbers that its pipes had
        wait_for(lambda: count(pid, "socket") == 7)
        for client in clients:
            client.sendall(a_request("supervisor.getPID"))
        for client in clients:
            assert str(pid).encode() in client.recv(1 << 16)
            client.close()
        assert refused() == 2  # they were answered before the next try, 2 s after the last
        assert busy(pid, 0.5) < 2 * IDLE
        (group / "pids.max").write_text("max")
        wait_for(lambda: is_up(manager, WEB))
    finally:
        manager.stop([WEB])
        (PIDS / "cgroup.procs").write_text(str(pid))
        group.rmdir()


@pytest.fixture
def small(tmp_path) -> Iterator[Layout]:
    """A target on a disk of its own, which is soon full."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], check=True)
    yield a_target(place / "target")
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_flood_onto_a_full_disk_blocks_neither_the_app_nor_supervisord(small, tmp_path):
    lines, filler, manager = tmp_path / "lines", small.root / "filler", Supervisor(small)
    types = a_release(small, 1, a_type("web", "exec sleep 600"), a_type("worker", FLOOD.format(lines=lines)))
    try:
        manager.ensure()
        manager.start([WEB, WORKER], types)
        wait_for(lambda: is_up(manager, WEB, WORKER))
        pid, web = daemon(small), one(manager, WEB).pid
        with suppress(OSError), filler.open("wb") as file:
            while file.write(bytes(1 << 16)):
                file.flush()
        wait_for(lambda: not os.statvfs(small.root).f_bavail)
        written = lines.stat().st_size
        wait_for(lambda: lines.stat().st_size > written + 4000)  # more lines than a pipe and all buffers hold
        os.kill(web, signal.SIGKILL)  # supervisord says in its log that it has ended, and is started again
        wait_for(lambda: not is_up(manager, WEB))
        wait_for(lambda: is_up(manager, WEB) and one(manager, WEB).pid != web)  # though the disk is full
        assert busy(pid, 0.5) < 1
        assert daemon(small) == pid
        assert not os.statvfs(small.root).f_bavail
        filler.unlink()
        log = small.root / supervisor_conf.log(WORKER)
        wait_for(lambda: time.time() - log.stat().st_mtime < 1)
        lost = rb"\[deployer: [1-9][0-9]* bytes of output were lost here: No space left on device\]"
        wait_for(lambda: any(re.search(lost, part.read_bytes()) for part in log.parent.glob(f"{log.name}*")))
    finally:
        manager.shutdown()
