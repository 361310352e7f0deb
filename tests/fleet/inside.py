"""What does a web process answer, asked on its own host?  Past the host's cable, which a test may have pulled."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.lab.host import Host

CLONE_NEWNET = 0x40000000
EVERY = 0.05  # seconds between two questions of a watch


class Inside:
    """This thread, moved into a host's network; it follows the host through its reboots."""

    def __init__(self, host: Host) -> None:
        self._host, self._init = host, 0

    def get(self, port: int, path: str = "/") -> str | None:
        """What `port` answers; None for whatever is no answer."""
        if not self._move():
            return None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read().decode().strip() if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _move(self) -> bool:
        init = self._host.group.init
        if init is None or init == self._init:
            return init is not None
        with contextlib.suppress(OSError), Path(f"/proc/{init}/ns/net").open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) == 0:
                self._init = init
                return True
        return False


def get(host: Host, port: int, path: str = "/") -> str | None:
    """What `port` answers on the host, None where it does not."""
    found: list[str | None] = []
    asking = threading.Thread(target=lambda: found.append(Inside(host).get(port, path)))
    asking.start()
    asking.join()
    return found[0]


class Watch:
    """Asks the web processes of some hosts all the time.  `texts` are their answers, `silent` when nobody answered."""

    def __init__(self, hosts: Sequence[Host], ports: Sequence[int]) -> None:
        self.texts: dict[str, list[str]] = {host.name: [] for host in hosts}
        self.silent: dict[str, list[float]] = {host.name: [] for host in hosts}
        self.asked: dict[str, int] = {host.name: 0 for host in hosts}
        self._ports, self._ended = ports, threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(host,)) for host in hosts]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, host: Host) -> None:
        inside, texts = Inside(host), self.texts[host.name]
        while not self._ended.wait(EVERY):
            self.asked[host.name] += 1
            found = self._pass(inside) or self._pass(
                inside
            )  # the second: one may have taken over between two questions
            if found is None:
                self.silent[host.name].append(time.monotonic())
            elif not texts or texts[-1] != found:
                texts.append(found)

    def _pass(self, inside: Inside) -> str | None:
        return next((text for port in self._ports if (text := inside.get(port)) is not None), None)

    def served(self, *hosts: str, only: Sequence[str] = ()) -> None:
        """These hosts (all that are watched, if none is named) answered at every moment, with these texts alone."""
        for name in hosts or self.texts:
            assert self.asked[name] > 3, f"{name} was hardly asked"
            assert not self.silent[name], f"{name} did not answer {len(self.silent[name])} of {self.asked[name]} times"
            assert not only or set(self.texts[name]) <= set(only), f"{name} answered {self.texts[name]}, not {only}"
