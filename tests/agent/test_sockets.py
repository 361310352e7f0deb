"""Is a port free, and who has it?"""

from __future__ import annotations

import socket

import pytest

from deployer.agent import sockets


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
