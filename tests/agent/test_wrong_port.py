"""A process that listens elsewhere than it has to is told where, and soon."""

from __future__ import annotations

import socket
import time

import pytest

from deployer.agent import stage
from deployer.agent.supervisor import Supervisor
from deployer.core import wire
from deployer.core.formation import Process
from deployer.core.release import Spec
from deployer.core.routing import CADDY, Router

from .releases import a_release
from .serving import PROGRAM, bring_up, failure, http

ELSEWHERE = """\
import os, socket, sys, time
first, then = sys.argv[1:]
opened = [socket.create_server(("127.0.0.1", int(port))) for port in first.split(",")]
if then:
    time.sleep(1)
    sys.stdout.flush()
    exec(open("server.py").read())
time.sleep(600)
"""


@pytest.fixture
def build():
    return Supervisor


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_process_that_listens_on_another_port_is_told_which_and_soon(manager, files, port):
    other = free_port()
    command = f"exec python3 elsewhere.py {other} ''"
    types = a_release(files, 1, http(command, boot_timeout=60), program={"elsewhere.py": ELSEWHERE})
    begun = time.monotonic()
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == f"web.1 of v1 listens on {other}; it has to bind $PORT, {port}"
    assert time.monotonic() - begun < 20


def test_a_process_may_open_another_port_before_its_own(manager, files, port):
    command = f"exec python3 elsewhere.py {free_port()} then"
    types = a_release(files, 1, http(command), program={"elsewhere.py": ELSEWHERE, **PROGRAM})
    bring_up(manager, [Process(1, "web", 1, port)], types)


def test_a_process_that_listens_on_a_unix_socket_is_told_so(manager, files, port):
    path = files.run / "app.sock"
    code = f"import socket, time; s = socket.socket(1); s.bind({str(path)!r}); s.listen(); time.sleep(600)"
    types = a_release(files, 1, http("exec python3 unix.py", boot_timeout=2), program={"unix.py": code})
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == f"web.1 of v1 does not listen on port {port} after 2 s, but on the unix socket {path}"


def test_a_process_that_the_router_of_another_host_cannot_reach_is_told_so(manager, files, port):
    types = a_release(files, 1, http(), program=PROGRAM, variables={"HOST": "127.0.0.1"})
    spec = stage.spec(files, 1)
    routed = wire.encode(spec)
    routed["router"] = wire.encode(Router(CADDY, port=80, host="lb1"))
    (files.release(1) / "release.json").write_bytes(wire.decode(Spec, routed).render())
    failed = failure(manager, [Process(1, "web", 1, port)], types)
    assert failed.message == (
        f"web.1 of v1 listens on 127.0.0.1:{port} only; the router on lb1 cannot reach it: bind $HOST, 0.0.0.0"
    )
