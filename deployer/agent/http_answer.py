"""HTTP response: read the status of an answer from a connection, and no more of it than that takes.

Written out, since `http.client` brings email and ssl: a fifth of the agent's start, and nearly every run asks.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time

from deployer.core.message import message

LARGEST = 1 << 16  # bytes that are read of an answer
STEP = 1 << 13
POLITE = 0.2  # seconds that the rest of an answer is read, so that who writes it is not cut off
TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake
_STATUS = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+([1-9][0-9]{2})(?![0-9])")
_HEAD_ENDS = re.compile(rb"\n\r?\n")
_MORE_FOLLOWS = (100, 102, 103)  # another answer comes after these; 101 is one


@message
class Answer:
    """The `status` of an answer; 0 where it was none of HTTP.  `text` is how it began, b'' where nothing came."""

    status: int
    text: bytes = b""

    @property
    def may_be_tls(self) -> bool:
        """Whether it may be the answer of somebody who expects TLS."""
        refused = self.status == 400 and b"https" in self.text.lower()
        return not self.text or refused or self.text.startswith(TLS_RECORDS)


def read(connection: socket.socket, deadline: float) -> Answer:
    """The final answer on `connection`; `TimeoutError` where it has not come by `deadline` (of the monotonic clock)."""
    text, ended = b"", False
    while True:
        found = _STATUS.match(text)
        if found is None and (ended or not b"HTTP/".startswith(text[:5]) or b"\n" in text or len(text) >= LARGEST):
            return Answer(0, text)
        if found is not None and int(found.group(1)) not in _MORE_FOLLOWS and (ended or len(text) > found.end()):
            return Answer(int(found.group(1)), text)
        head = _HEAD_ENDS.search(text) if found else None
        if head is not None:
            text = text[head.end() :]
        elif ended or len(text) >= LARGEST:
            return Answer(0, text)
        else:
            more = _received(connection, deadline)
            text, ended = text + more, not more


def leave(connection: socket.socket) -> None:
    """Read on for a moment: who is cut off in the middle of an answer would say so in its log."""
    until = time.monotonic() + POLITE
    with contextlib.suppress(OSError):
        for _ in range(LARGEST // STEP):
            if not _received(connection, until):
                break


def _received(connection: socket.socket, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    return connection.recv(STEP)


def speaks_tls(address: str, port: int, seconds: float) -> bool:
    """Whether a TLS handshake succeeds at a port, whoever's certificate it has."""
    import ssl  # noqa: PLC0415 - only where a plain request was not answered

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), seconds) as connection, context.wrap_socket(connection):
            return True
    except (OSError, ValueError):
        return False
