"""How many round trips does a command take?  A relay on the operator's side of a slow line sees it wait."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

BUFFER = 1 << 16


@contextlib.contextmanager
def counted(door: tuple[str, int], *, round_trip: float) -> Iterator[tuple[tuple[str, int], list[float]]]:
    """Relay to `door`, a line whose round trip takes so many seconds: the address to connect to, and the waits.

    A wait is an answer that came at least (nearly) a round trip after the last word.  What was sent in one go, or
    arrives in many pieces, counts once; the handshake of TCP counts too, though it is not seen.
    """
    waits: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, door, 0.9 * round_trip, waits), daemon=True).start()
        yield server.getsockname(), waits


def _accept(server: socket.socket, door: tuple[str, int], least: float, waits: list[float]) -> None:
    with contextlib.suppress(OSError):  # it was closed: nobody comes any more
        while True:
            near, _ = server.accept()
            far = socket.create_connection(door)
            waits.append(0)
            line = _Line(near, far, least, waits)
            for carry in (line.there, line.back):
                threading.Thread(target=carry, daemon=True).start()


class _Line:
    def __init__(self, near: socket.socket, far: socket.socket, least: float, waits: list[float]) -> None:
        self.near, self.far, self.least, self.waits = near, far, least, waits
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.said = time.monotonic()
        self.waiting = True

    def there(self) -> None:
        """Carry what the operator says."""
        for content in _heard(self.near, self.far):
            self.said, self.waiting = time.monotonic(), True
            _send(self.far, content)

    def back(self) -> None:
        """Carry what the host says; if the operator has waited for it, note how long."""
        for content in _heard(self.far, self.near):
            waited = time.monotonic() - self.said
            if self.waiting and waited >= self.least:
                self.waits.append(waited)
                self.waiting = False
            _send(self.near, content)


def _heard(source: socket.socket, sink: socket.socket) -> Iterator[bytes]:
    """What comes from `source` until its end, or the end of either connection; then `sink` is told that it is over."""
    with contextlib.suppress(OSError):
        while content := source.recv(BUFFER):
            yield content
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _send(sink: socket.socket, content: bytes) -> None:
    with contextlib.suppress(OSError):  # it is gone: its own direction ends as well
        sink.sendall(content)
