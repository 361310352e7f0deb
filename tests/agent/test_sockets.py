"""Is a port free, and who has it?"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from deployer.agent import procfs, sock_diag, sockets
from deployer.agent.sockets import Listener

# Many descriptors below its socket's, each open for a moment: a look at them finds some of them gone.
COMES_AND_GOES = """
import os, socket, sys
low = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(flush=True)
while True:
    for descriptor in low:
        os.close(descriptor)
    for descriptor in low:
        os.open("/dev/null", os.O_RDONLY)
"""


@pytest.mark.parametrize("port", [-1, 0, 65536, 65634])
def test_what_is_no_port_is_never_free(port):
    assert not sockets.free(port)


def test_a_port_is_free_or_it_is_not(port):
    assert sockets.free(port)
    assert sockets.owner(port) is None
    with socket.socket() as held:
        held.bind(("127.0.0.1", port))
        held.listen()
        assert not sockets.free(port)
        assert sockets.owner(port) is not None
    assert sockets.free(port)


def test_the_kernel_says_of_listeners_what_its_tables_say(port):
    with socket.create_server(("127.0.0.1", port)) as one, socket.create_server(("::1", port), family=socket.AF_INET6):
        asked = {Listener(address, at, str(inode)) for address, at, inode in sock_diag.listening()}
        mine = {listener for listener in asked if listener.port == port}
        assert {listener.address for listener in mine} == {"127.0.0.1", "::1"}
        assert mine == {listener for listener in sockets.listed() if listener.port == port}
        with socket.create_connection(("127.0.0.1", port)), one.accept()[0]:
            assert {listener for listener in sockets.everywhere() if listener.port == port} == mine


def test_sockets_are_found_among_descriptors_that_come_and_go(port):
    held = subprocess.Popen(
        [sys.executable, "-c", COMES_AND_GOES, str(port)], stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    )
    try:
        held.stdout.readline()
        assert [sockets.had_by(port, procfs.stat(held.pid).name) for _ in range(300)] == [True] * 300
        assert sockets.owner(port)[0] == held.pid
    finally:
        held.kill()
        held.wait()
    assert sockets.had_by(port, "python") is False


def test_a_connection_is_found_by_its_ends_or_it_is_not_there(port):
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)) as ours:
        ends = ("127.0.0.1", port), ours.getsockname()
        with server.accept()[0] as theirs:
            inode = str(sock_diag.inode(socket.AF_INET, *ends))
            assert inode == os.readlink(f"/proc/self/fd/{theirs.fileno()}").removeprefix("socket:[").removesuffix("]")
            assert sockets.connected({inode})
        assert not sockets.connected({"1"})
    assert sock_diag.inode(socket.AF_INET, ends[0], ("127.0.0.1", 1)) == 0
