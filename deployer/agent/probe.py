"""Does a process answer?  Asked in a thread, so that a slow answer keeps nobody waiting.

Where the processes of two releases accept on one socket, an open port and a good answer prove nothing: then the
connection has to be taken by the process itself, before it is asked anything.  One that another took is closed, unused.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Optional

from deployer.agent import acceptance

TIMEOUT = 5.0
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.005, 0.1, 1.2


class Probe:
    """One `GET http://address:port/path`, or with '' a connection alone; `answer` says what came, '' until it has.

    With a `pid` only a connection that its family has taken counts, of as many as it needs within TIMEOUT; `blind` says
    that nobody could see who took it.  `taken`: there is such a connection, and the rest is up to the answer.
    """

    def __init__(self, address: str, port: int, path: str = "", pid: int = 0) -> None:
        self.answer, self.passed, self.blind, self.taken = "", False, False, not pid
        self._where, self._pid = (address, port, path), pid
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        address, port, path = self._where
        try:
            connection = self._taken() if self._pid or not path else socket.create_connection((address, port), TIMEOUT)
        except OSError as error:
            self.answer = f"answered with an error ({type(error).__name__})"
            return
        if connection is None:
            self.answer = "has taken no connection"
            return
        with connection:
            if path:
                self._get(connection, path)
            else:
                self.answer, self.passed = "has taken a connection", True

    def _taken(self) -> Optional[socket.socket]:
        """A connection that it has taken; those that others take are closed, which is as polite as can be."""
        deadline, pause = time.monotonic() + TIMEOUT, FIRST_PAUSE
        while time.monotonic() < deadline:
            connection = socket.create_connection(self._where[:2], TIMEOUT)
            taken = acceptance.taken(connection, self._pid, deadline - time.monotonic())
            if taken is not False:
                self.blind, self.taken = taken is None, True
                return connection
            connection.close()
            time.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
        return None

    def _get(self, taken: socket.socket, path: str) -> None:
        import http.client  # noqa: PLC0415 - it brings email and ssl: a fifth of the agent's start

        address, port, _ = self._where
        connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
        connection.sock = taken
        headers = {"Host": "localhost", "User-Agent": "deployer", "Connection": "close"}
        try:
            connection.request("GET", path, headers=headers)
            status = connection.getresponse().status
        except TimeoutError:
            self.answer = f"did not answer within {TIMEOUT:g} s"
        except (OSError, http.client.HTTPException) as error:
            self.answer = f"answered with an error ({type(error).__name__})"
        else:
            self.passed = 200 <= status < 400
            self.answer = f"answered {status}"
