"""Does a process answer?  Asked in a thread, so that a slow answer keeps nobody waiting.

Where the processes of two releases accept on one socket, an open port and a good answer prove nothing: then the
connection has to be taken by the process itself, before it is asked anything.  One that another took is closed, unused.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from deployer.agent import acceptance, http_answer
from deployer.core.health import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

TIMEOUT = 5.0
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.005, 0.1, 1.2
SHOWN = 40  # bytes of what is no HTTP


class Probe:
    """One request as `check` says, or without one a connection alone; `answer` says what came, '' until it has.

    It is waited for up to `seconds`, for a connection no longer than TIMEOUT.  With a `pid` only a connection that its
    family has taken counts, of as many as it needs; `blind` says that nobody could see who took it.  `taken`: there is
    such a connection, and the rest is up to the answer; `others` took so many.  `foreign`: what came was no HTTP, and
    never will be.
    """

    def __init__(self, address: str, port: int, check: Optional[Check], *, pid: int = 0, seconds: float) -> None:
        self.answer, self.passed, self.blind, self.taken, self.foreign = "", False, False, not pid, False
        self.status, self.others = 0, 0
        self.begun = time.monotonic()
        self._where, self._check, self._pid, self._deadline = (address, port), check, pid, self.begun + seconds
        self._connection: Optional[socket.socket] = None
        threading.Thread(target=self._ask, daemon=True).start()

    def end(self) -> None:
        """Nobody waits for its answer any more."""
        if self._connection is not None and not self.answer:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> None:
        shared = self._pid or self._check is None
        try:
            connection = self._accepted() if shared else socket.create_connection(self._where, TIMEOUT)
        except OSError as error:
            self.answer = f"answered with an error ({type(error).__name__})"
            return
        if connection is None:
            self.answer = "has taken no connection"
            return
        self._connection = connection
        with connection:
            if self._check is None:
                self.passed, self.answer = True, "has taken a connection"
                return
            self._get(connection, self._check)
            http_answer.leave(connection)

    def _accepted(self) -> Optional[socket.socket]:
        """A connection that it has taken; those that others take are closed, which is as polite as can be."""
        deadline, pause = time.monotonic() + TIMEOUT, FIRST_PAUSE
        while time.monotonic() < deadline:
            connection = socket.create_connection(self._where, TIMEOUT)
            taken = acceptance.taken(connection, self._pid, deadline - time.monotonic())
            if taken is not False:
                self.blind, self.taken = taken is None, True
                return connection
            connection.close()
            self.others += time.monotonic() < deadline  # else nobody has
            time.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
        return None

    def _get(self, connection: socket.socket, check: Check) -> None:
        try:
            connection.settimeout(TIMEOUT)
            connection.sendall(check.request())
            found = http_answer.read(connection, self._deadline)
        except TimeoutError:
            self.answer = f"did not answer at {check.path} within {self._deadline - self.begun:g} s"
        except OSError as error:
            nothing = f"answered with an error ({type(error).__name__}) at {check.path}"
            self._judge(check, http_answer.Answer(0), nothing)
        else:
            self._judge(check, found, f"closed the connection without an answer at {check.path}")

    def _judge(self, check: Check, found: http_answer.Answer, nothing: str) -> None:
        self.status = found.status
        if found.may_be_tls and http_answer.speaks_tls(*self._where, TIMEOUT):
            self.foreign, self.answer = True, f"speaks TLS on port {self._where[1]}, where plain HTTP is asked"
        elif found.status:
            self.passed = check.passes(found.status)
            self.answer = check.told(found.status)
        elif found.text:
            shown = found.text[:SHOWN].decode("ascii", "backslashreplace").strip()
            self.foreign, self.answer = True, f"does not speak HTTP on port {self._where[1]} (it said {shown!r})"
        else:
            self.answer = nothing
