"""Are requests that are under way finished when a process is told to stop?

Callers ask all the time, while the process is frozen (SIGSTOP) for a look: a request counts as under way if its
connection was accepted, all of it was read, and its answer has not come.  Only then the process gets its stop_signal,
and goes on.  What was not read yet is the process's to refuse.
"""

from __future__ import annotations

import http.client
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployer.core.manifest import ProcessType
from deployer.core.signals import signal_number
from deployer.stages.check import connections
from deployer.stages.check.bench import Life

CALLERS = 4
HEADERS = {"Host": "localhost", "User-Agent": "deployer", "Connection": "close"}
PATIENCE = 5.0  # seconds to catch a request under way
TRIALS, ENOUGH = 9, 2.0  # answers, or seconds, after which a path's own time is known
LONGEST = 10.0  # seconds for a first answer
PART = 1 << 16  # bytes that are read at once
SETTLE = 0.02  # what was answered before the freeze arrives within this time
SURE = 0.2  # and within this time on a busy machine, too


@dataclass
class Request:
    """One request: the `port` it came from, and how it ended: '' while it is under way, `ok`, or what went wrong."""

    port: int = 0
    outcome: str = ""


@dataclass(frozen=True)
class Cut:
    """How the requests ended that were under way at the stop_signal: how many, and what went wrong with some."""

    under_way: int
    broken: list[str]

    def __add__(self, other: Cut) -> Cut:
        """Both together."""
        return Cut(self.under_way + other.under_way, self.broken + other.broken)


class Callers:
    """Threads that ask for `path`, one request after another, until they are told to end."""

    def __init__(self, address: str, port: int, path: str, patience: float) -> None:
        self._where, self._path, self._patience = (address, port), path, patience
        self._ending = threading.Event()
        self._now: dict[int, Request] = {}
        self._threads = [threading.Thread(target=self._call, args=(n,), daemon=True) for n in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def under_way(self) -> list[Request]:
        """The requests without an answer that the process has read."""
        taken = connections.taken(self._where[1])
        return [request for request in self._now.copy().values() if not request.outcome and request.port in taken]

    def end(self) -> None:
        """Begin no other request."""
        self._ending.set()

    def join(self) -> None:
        """Wait until the last request has ended; one whose answer goes on for ever is given up."""
        deadline = time.monotonic() + self._patience + LONGEST
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _call(self, number: int) -> None:
        while not self._ending.is_set():
            request = self._now[number] = Request()
            request.outcome = self._ask(request)
            if request.outcome != "ok":
                time.sleep(SETTLE)  # refused: as quick as that it would be nothing but load

    def _ask(self, request: Request) -> str:
        connection = _Connection(*self._where, self._patience)
        try:
            connection.connect()
            request.port = connection.sock.getsockname()[1]
            connection.request("GET", self._path, headers=HEADERS)
            _read(connection.getresponse())
        except TimeoutError:
            return "got no answer in time"
        except http.client.IncompleteRead:
            return "got half an answer"
        except (http.client.RemoteDisconnected, ConnectionError):
            return "got no answer, but a closed connection"
        except (OSError, http.client.HTTPException) as error:
            return f"got no answer ({type(error).__name__})"
        finally:
            connection.close()
        return "ok"


def slowest(address: str, port: int, paths: Sequence[str], patience: float) -> tuple[str, float]:
    """The one of these paths whose answer takes longest, and how long; '' where none is answered in HTTP."""
    took = {path: _took(address, port, path, patience) for path in paths}
    return max(
        ((path, seconds) for path, seconds in took.items() if seconds), key=lambda one: one[1], default=("", 0.0)
    )


def _read(answer: http.client.HTTPResponse) -> None:
    """Read all of an answer, and keep none of it."""
    while answer.read(PART):
        pass
    if answer.length:  # the answer in parts says nothing of the part that is missing
        raise http.client.IncompleteRead(b"", answer.length)


class _Connection(http.client.HTTPConnection):
    """One request's: the whole answer is to be there within `patience` seconds, however steadily it comes."""

    def __init__(self, address: str, port: int, patience: float) -> None:
        super().__init__(address, port, timeout=patience)
        self._deadline = time.monotonic() + patience

    def connect(self) -> None:
        """Connect by a socket that knows the deadline."""
        super().connect()
        self.sock = _Socket(self.sock, self._deadline)


class _Socket(socket.socket):
    """Takes over a connection; nothing is received after `deadline` (`TimeoutError`)."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        patience = connected.gettimeout()
        super().__init__(fileno=connected.detach())
        self.settimeout(patience)
        self._deadline = deadline

    def recv_into(self, *where: Any) -> int:
        """What every reader of it calls."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)
        return super().recv_into(*where)


def _took(address: str, port: int, path: str, patience: float) -> float:
    """The seconds of its quickest answer, which is what it takes on a machine with other work too; 0 for none."""
    took: list[float] = []
    while len(took) < TRIALS and sum(took) < ENOUGH:
        began = time.monotonic()
        connection = _Connection(address, port, min(patience, LONGEST))
        try:
            connection.request("GET", path, headers=HEADERS)
            _read(connection.getresponse())
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
        took.append(time.monotonic() - began)
    return min(took)


def stop(life: Life, address: str, path: str, kind: ProcessType) -> tuple[Cut, float]:
    """Send the stop_signal while requests are under way; how these end, and when it was sent (monotonic clock)."""
    callers = Callers(address, life.process.port, path, kind.stop_timeout)
    try:
        caught = _catch(life, callers)
        callers.end()
        sent = time.monotonic()
        life.signal(signal_number(kind.stop_signal))
    finally:
        callers.end()
        life.signal(signal.SIGCONT)
    callers.join()
    broken = [request.outcome for request in caught if request.outcome != "ok"]
    return Cut(len(caught), broken), sent


def _catch(life: Life, callers: Callers) -> list[Request]:
    """Freeze the process at a moment at which requests are under way; [] if there was none within `PATIENCE`."""
    deadline, pause = time.monotonic() + PATIENCE, 0.01
    while True:
        time.sleep(pause)
        pause = pause % 0.013 + 0.0017  # never in step with what the process does
        life.signal(signal.SIGSTOP)
        time.sleep(SETTLE)
        if callers.under_way():
            time.sleep(SURE)
        caught = callers.under_way()
        if caught or time.monotonic() > deadline:
            return caught
        life.signal(signal.SIGCONT)
