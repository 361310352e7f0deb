"""How is a word said to supervisord?  XML-RPC over its socket, each within a few seconds.

The socket is reached through an open directory, /proc/self/fd/N/…, since a root may be longer than AF_UNIX's path.
"""

from __future__ import annotations

import http.client
import os
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any, Collection, Optional
from xml.parsers.expat import ExpatError

from deployer.agent.fault import point
from deployer.agent.supervisor_conf import SOCKET

PATIENCE = 20.0
BAD_NAME, ALREADY_STARTED, NOT_RUNNING, SPAWN_ERROR, ALREADY_ADDED, STILL_RUNNING = 10, 60, 70, 50, 90, 91
READS = ("getAllProcessInfo", "getPID", "getState")


class Unanswered(Exception):
    """supervisord is not there, is not itself, or (`hung`) is there and says nothing."""

    def __init__(self, message: str, *, hung: bool = False) -> None:
        super().__init__(message)
        self.hung = hung


class Client:
    """Speaks to the supervisord whose socket is below `root`; waits PATIENCE seconds for each answer."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def call(self, method: str, *arguments: object, unless: Collection[int] = ()) -> Any:
        """The answer to `supervisor.<method>`; None for a refusal with one of the fault codes `unless`.

        Every word that changes something passes a fault point before and after.
        """
        telling = method not in READS
        if telling:
            point(f"supervisor.{method}")
        try:
            answer = self._ask(f"supervisor.{method}", arguments)
        except xmlrpc.client.Fault as refusal:
            if refusal.faultCode not in unless:
                raise Unanswered(f"supervisord refuses {method}: {refusal.faultString}") from refusal
            answer = None
        except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError) as error:
            hung = isinstance(error, socket.timeout)  # 3.9 knows it by this name only
            raise Unanswered(f"supervisord does not answer {method}: {error}", hung=hung) from error
        if telling:
            point(f"supervisor.{method}.done")
        return answer

    def _ask(self, method: str, arguments: tuple[object, ...]) -> Any:
        connection = _Connection(self._root / os.path.dirname(SOCKET))
        try:
            body = xmlrpc.client.dumps(arguments, method).encode()  # type: ignore[arg-type]
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            response = connection.getresponse()
            content = response.read()
            if response.status != http.client.OK:
                raise http.client.HTTPException(f"status {response.status}")
            (answer,), _ = xmlrpc.client.loads(content.decode())
            return answer
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over the socket in a directory whose path may be of any length."""

    def __init__(self, directory: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._directory = directory
        self.sock: Optional[socket.socket] = None

    def connect(self) -> None:
        directory = os.open(str(self._directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(f"/proc/self/fd/{directory}/{os.path.basename(SOCKET)}")
        finally:
            os.close(directory)
