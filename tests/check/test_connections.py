"""What the kernel says of connections: who listens, and what was taken and read."""

import os
import socket

from deployer.stages.check import connections
from tests.e2e.deployed import eventually


def port_of(one):
    return one.getsockname()[1]


def test_the_ports_of_a_process_are_its_own():
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as other,
    ):
        found = connections.listening([os.getpid()])
        assert {("127.0.0.1", port_of(one)), ("::1", port_of(other))} <= set(found)
        assert connections.listening([1 << 22]) == []


def test_a_connection_counts_once_it_is_accepted_and_read():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
        mine = port_of(caller)
        assert mine not in connections.taken(port_of(server)), "it waits to be accepted"
        accepted = server.accept()[0]
        with accepted:
            assert accepted.recv(1, socket.MSG_PEEK)
            assert mine not in connections.taken(port_of(server)), "it was not read"
            accepted.recv(9999)
            eventually(lambda: mine in connections.taken(port_of(server)), what="the connection")
