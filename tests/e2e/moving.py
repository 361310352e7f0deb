"""Sockets that move: another port, another type, a port bound by the process itself; and a crash after each change.

The same for every process manager: `one` is an app, `settings` writes its deploy.yaml, `address` is where it is asked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

from tests.agent.owned import SERVER, ask

from .deployed import Deployed, eventually

FAILING = 'if os.environ["DEPLOY_PROCESS"].endswith(".1"): sys.exit(3)\n'  # its trial, which is number 0, does not
PLAIN = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = os.environ["DEPLOY_RELEASE"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
PROCESSES = "{kind}: {{{listen}port: {port}, health: /up, healthy_time: 300ms, boot_timeout: 20s, stop_timeout: 2s}}"
# what the formation becomes, step by step: the type, whether it is given its socket, how far its port is from the first
STEPS = (("web", True, 1), ("site", True, 1), ("site", False, 1), ("web", True, 0))
Settings = Callable[[str, str], Any]


def describe(one: Deployed, tiny: Any, settings: Settings, step: tuple[str, bool, int], *, fails: bool) -> None:
    """Have the repository say this."""
    kind, given, further = step
    program = SERVER if given else PLAIN
    imports, newline, rest = program.partition("\n")
    (one.folder / "owned.py").write_text(f"{imports}, sys\n{FAILING}{rest}" if fails else imports + newline + rest)
    listen = "listen: socket, " if given else ""
    tiny.procfile(f"{kind}: python3 -IS owned.py\n")
    settings(kind, PROCESSES.format(kind=kind, listen=listen, port=one.port + further))


def answers(address: str, port: int) -> str:
    """The release that answers, '' where none does."""
    with contextlib.suppress(OSError):
        return ask(port, host=address, seconds=5).split()[0]
    return ""


def survives_a_crash(one: Deployed, kill: Callable[[int], None], address: str, port: int, release: str) -> None:
    """What answers is killed, and answers again; nobody says that it would not."""
    eventually(lambda: answers(address, port) == release, seconds=60, what=f"{release} on {port}")
    status = one.json("status")
    assert status["ok"], status
    (process,) = one.json("ps")["processes"]
    kill(process["pid"])
    eventually(
        lambda: one.json("ps")["processes"][0]["pid"] not in (0, process["pid"]), seconds=90, what="another process"
    )
    eventually(lambda: answers(address, port) == release, seconds=60, what=f"{release} on {port} after its crash")


def every_move_fails_and_succeeds(
    one: Deployed, tiny: Any, settings: Settings, kill: Callable[[int], None], address: str = "127.0.0.1"
) -> None:
    """Each step of STEPS, first with a release that does not come up, then with one that does; a crash after each."""
    before, version = 0, 1
    describe(one, tiny, settings, ("web", True, 0), fails=False)
    one.deploy("ship")
    for number, step in enumerate(STEPS):
        describe(one, tiny, settings, step, fails=True)
        failed = one.run("ship")
        assert failed.code == 30, failed.err
        survives_a_crash(one, kill, address, one.port + before, f"v{version}")
        describe(one, tiny, settings, step, fails=False)
        one.deploy("ship")
        before, version = step[2], 3 + 2 * number
        survives_a_crash(one, kill, address, one.port + before, f"v{version}")


def kill_here(pid: int) -> None:
    """Kill a process of this machine."""
    os.kill(pid, 9)
