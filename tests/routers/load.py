"""Clients that ask all the time, some on connections that they keep, some on a new one each time."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from typing import Self

RATE = 40  # requests a second of each client


class Load:
    """Asks `port` (here, or of `host`) until the block ends.

    `failed` tells what went wrong, `answers` how often each app answered.

    A client whose kept connection is found closed before a byte of the answer came asks again on another, as every
    browser and every library does: it had been idle, and the router may close such a one at any time.
    """

    def __init__(self, port: int, *, kept: int = 4, fresh: int = 4, host: str = "127.0.0.1") -> None:
        self._host, self._port, self._over = host, port, threading.Event()
        self.failed: list[str] = []
        self.answers: dict[str, int] = {}
        self.again = 0
        self._lock = threading.Lock()
        clients = [True] * kept + [False] * fresh
        self._threads = [threading.Thread(target=self._ask, args=(keep,), daemon=True) for keep in clients]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def total(self) -> int:
        return sum(self.answers.values())

    def _ask(self, keep: bool) -> None:
        link, used = self._link(), False
        while not self._over.is_set():
            begun = time.monotonic()
            try:
                link.request("GET", "/")
                answer = link.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                stale = used and isinstance(error, (http.client.RemoteDisconnected, ConnectionError))
                with self._lock:
                    self.again += stale
                    self.failed += [] if stale else [repr(error)]
                used = False
                link.close()
                continue
            with self._lock:
                self.answers[text] = self.answers.get(text, 0) + 1
                self.failed += [] if answer.status == 200 else [f"{answer.status} {text}"]
            used = keep
            if not keep:
                link.close()
            self._over.wait(max(0.0, 1 / RATE - (time.monotonic() - begun)))
        with contextlib.suppress(OSError):
            link.close()

    def _link(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=20)
