"""Web processes that behave as they are told, and how one waits for them."""

from __future__ import annotations

import pytest

from deployer.agent.readiness import await_ready
from deployer.core.errors import RunFailed

from .releases import a_type

SERVER = """\
import http.server, os, socketserver, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(os.environ.get("SLOW", "0")))
        ready = time.monotonic() - begun > float(os.environ.get("WARM", "0"))
        sick = 500 if os.path.exists("sick") else 404
        self.send_response({"/up": 200 if ready else 503, "/moved": 302, "/": sick}.get(self.path, 500))
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    address_family = 10 if ":" in os.environ.get("HOST", "") else 2
    allow_reuse_address = True

begun = time.monotonic()
print("booting", flush=True)
time.sleep(float(os.environ.get("BOOT", "0")))
Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
"""
PROGRAM = {"server.py": SERVER}


def web(command: str = "exec python3 server.py", **fields):
    return a_type("web", command, binds_port=True, **fields)


def bring_up(manager, processes, types, check=lambda: None) -> None:
    manager.start(processes, types)
    await_ready(manager, processes, types, check=check)


def http(command: str = "exec python3 server.py", **fields):
    """A web process of which nothing is said but that it is one."""
    return web(command, expose="http", **fields)


def failure(manager, processes, types) -> RunFailed:
    with pytest.raises(RunFailed) as failed:
        bring_up(manager, processes, types)
    return failed.value
