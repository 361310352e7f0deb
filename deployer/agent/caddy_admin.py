"""How does one speak with caddy?  By its admin API: JSON over HTTP, at a port of the loopback or a Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from deployer.agent import service_state
from deployer.agent.fault import point
from deployer.core.errors import RunFailed
from deployer.core.routing import CADDY

USUAL = "127.0.0.1:2019"
UNIX = "unix/"
PATIENCE = 30.0  # seconds: a change is answered when the new config serves


class Refused(RunFailed):
    """Caddy answered, and would not."""


class Admin:
    """The admin API at `address`: `127.0.0.1:2019` or `unix//run/caddy/admin.sock`; '' is the usual one."""

    def __init__(self, address: str) -> None:
        self.address = address or USUAL

    def config(self) -> dict[str, Any]:
        """All that caddy serves now."""
        found = self.ask("GET", "/config/")
        return found if isinstance(found, dict) else {}

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """What the API answers; `Refused` with caddy's own words, `RunFailed` where nobody answers.

        A change is all or nothing, and caddy makes one after the other.
        """
        if method != "GET":
            point(f"caddy.{method.lower()}")
        body = None if value is None else json.dumps(value).encode()
        headers = {"Content-Type": "application/json"} if body else {}
        link = self._link()
        if isinstance(link, _Unix):
            headers["Host"] = ""
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        finally:
            link.close()
        if answer.status >= 400:
            raise Refused("caddy refuses the route", output=_words(text))
        try:
            return json.loads(text) if text.strip() else None
        except ValueError as error:
            raise RunFailed(f"what answers at {self.address} is not caddy's admin API") from error

    def _silent(self, error: Exception) -> RunFailed:
        """That nobody answers, with what starts caddy where it does not run, or says where it listens where it does."""
        state, hint = service_state.advice(CADDY)
        elsewhere = "`router.admin` in deploy.yaml says where its admin API listens"
        return RunFailed(
            f"caddy's admin API does not answer at {self.address}: {state or error}",
            hint=f"{hint}; if it runs, {elsewhere}" if hint else elsewhere,
        )

    def _link(self) -> http.client.HTTPConnection:
        if self.address.startswith(UNIX):
            return _Unix(self.address[len(UNIX) :])
        host, _, port = self.address.rpartition(":")
        return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)


class _Unix(http.client.HTTPConnection):
    """HTTP over the Unix socket at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


def _words(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:2000]
