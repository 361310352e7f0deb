"""The sockets of the embedded manager are held by two processes, and neither's death loses a connection."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from deployer.agent import handed, procfs
from deployer.agent.holder import Holder
from deployer.agent.layout import Layout
from deployer.agent.readiness import await_ready
from deployer.agent.supervisor import Supervisor
from deployer.core.errors import RunFailed
from deployer.core.formation import Process

from .owned import COMMAND, PROGRAM, ask, asked
from .releases import a_release, a_type, wait_for


@pytest.fixture
def build():
    return Supervisor


@pytest.fixture
def web(manager, files, port) -> Process:
    """A process that runs, with its socket held."""
    types = a_release(files, 1, a_type("web", COMMAND, binds_port=True, listen="socket", health="/"), program=PROGRAM)
    process = Process(1, "web", 1, port)
    manager.start([process], types)
    await_ready(manager, [process], types, check=lambda: None)
    return process


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def two(files: Layout, *but: int) -> list[int]:
    """The pair, once it is whole and has none of `but`."""
    holder = Holder(files)
    wait_for(lambda: len(holder.pids()) == 2 and not set(holder.pids()) & set(but) and holder.answers())
    return holder.pids()


def test_either_half_may_be_killed_at_any_time(manager, files, port, web):
    with asked(port) as counted:
        for half in (0, 1, 0, 1):
            pair = sorted(two(files), key=lambda pid: procfs.stat(pid).started)
            kill(pair[half])
            two(files, pair[half])
            kill(manager.instances()[0].pid)  # the one that comes is given the socket by the half that is new
            assert ask(port).startswith("v1 ")
    assert "ConnectionRefusedError" not in counted
    assert manager.instances()[0].process == web


def test_it_outlives_supervisord_and_the_release_that_it_was_started_from(manager, files, port, web):
    pair = two(files)
    kill(int((files.run / "supervisord.pid").read_text()))
    (files.release(1) / "agent.pyz").rename(files.root / "gone.pyz")
    kill(pair[0])
    new = two(files, pair[0])
    assert pair[1] in new
    (files.root / "gone.pyz").rename(files.release(1) / "agent.pyz")
    manager.ensure()
    assert sorted(two(files)) == sorted(new)
    assert ask(port).startswith("v1 ")


def test_it_holds_no_descriptor_of_the_agent_and_shows_no_secret(manager, files, web):
    for pid in two(files):
        held = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        assert {name for name in held if not name.startswith("socket:")} == {"/dev/null"}
        assert set(procfs.variables(pid)) - {""} == {"PATH", "LANG"}
    assert oct((files.run / "hold.sock").stat().st_mode & 0o077) == "0o0"


def test_a_socket_is_had_back_from_the_app_when_both_are_killed(manager, files, port, web):
    if not may_copy_descriptors():
        pytest.skip("this kernel gives no descriptor of another process")
    with asked(port) as counted:
        before = two(files)
        kill(*before)
        manager.ensure()
        two(files, *before)
        kill(manager.instances()[0].pid)
        wait_for(lambda: counted["v1"] > 50)
        assert ask(port).startswith("v1 ")
    assert "ConnectionRefusedError" not in counted


def may_copy_descriptors() -> bool:
    """Whether the host lets us have what another process of ours holds: root may, others mostly not."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.geteuid() == 0 or (not scope.exists() or scope.read_text().strip() == "0")


def test_a_holder_that_hangs_is_replaced(manager, files, port, web):
    for pid in two(files):
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    manager.stop([web])
    manager.close_sockets()
    assert time.monotonic() - begun < 40
    assert Holder(files).pids() == []
    with pytest.raises(ConnectionRefusedError):
        ask(port)


@pytest.mark.parametrize("words", [b"", b"\n", b"open web\n", b"open web :: many\n", b"\xff\n"])
def test_an_asker_that_goes_or_talks_nonsense_ends_neither(manager, files, web, words):
    pair = two(files)
    directory, address = handed.near(str(files.root), handed.CONTROL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.connect(address)
        asker.sendall(words)
    os.close(directory)
    assert two(files) == pair  # they are answered one after the other


def test_nothing_is_held_for_those_who_do_not_ask_for_it(manager, files):
    types = a_release(files, 1, a_type("worker", "exec sleep 600"))
    manager.start([Process(1, "worker", 1, 5100)], types)
    assert Holder(files).pids() == []
    assert Holder(files).wanted() == {}
    manager.close_sockets()
    assert not (files.run / "sockets.json").exists()


def test_what_is_to_be_held_is_written_down(manager, files, port, web):
    assert json.loads((files.run / "sockets.json").read_text()) == {"web": ["::", port]}
    manager.stop([web])
    manager.close_sockets()
    assert json.loads((files.run / "sockets.json").read_text()) == {}


def test_a_launcher_without_a_holder_says_so(manager, files, web):
    Holder(files).end()
    kill(manager.instances()[0].pid)
    wait_for(lambda: b"nobody holds its socket" in manager.tail(web, 5))
    wait_for(lambda: "code 126" in manager.instances()[0].reason)
    with pytest.raises(RunFailed, match="exited with code 126"):
        await_ready(
            manager, [web], {"web": a_type("web", COMMAND, binds_port=True, listen="socket")}, check=lambda: None
        )
    manager.ensure()
    wait_for(lambda: manager.instances()[0].state == "up", seconds=30)
