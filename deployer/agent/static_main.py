"""The process of a static site: `agent.pyz static ROOT` serves a folder's files on PORT, or on a socket it is given."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys

from deployer.agent import handed
from deployer.agent.static_files import Folder, digests
from deployer.agent.static_server import MOST, Server

EACH, OTHERS = 4, 50  # descriptors: of a connection and the files that it looks at, and what is open besides


def main(argv: list[str]) -> None:
    """`ROOT [--fallback FILE]`; ends on SIGTERM, when all that has begun is answered."""
    parser = argparse.ArgumentParser(prog="static")
    parser.add_argument("root")
    parser.add_argument("--fallback", default="")
    given = parser.parse_args(argv)
    if not os.path.isdir(given.root):
        sys.exit(f"static: there is no folder {given.root!r} in {os.getcwd()}")
    if given.fallback and not os.path.isfile(f"{given.root}/{given.fallback}"):
        sys.exit(f"static: there is no file {given.fallback!r} in {given.root!r}: `build.static.fallback` names it")
    most = _connections()
    folder = Folder(given.root, also=_shared(given.root), digests=digests(os.path.dirname(os.getcwd())))
    listener = _listener()
    sys.stdout.write(f"serving the files of {given.root} on port {listener.getsockname()[1]}\n")
    sys.stdout.flush()
    asyncio.run(_serve(folder, given.fallback, most, listener))


async def _serve(folder: Folder, fallback: str, most: int, listener: socket.socket) -> None:
    server = Server(folder, fallback=fallback, most=most)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.end)
    await server.serve(listener)


def _connections() -> int:
    """So many connections at a time can be had with the descriptors that we may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST * EACH + OTHERS
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MOST, max((soft - OTHERS) // EACH, 8))


def _shared(root: str) -> str:
    """Where links of the folder may lead to: what outlives releases of it; '' where it is no release's."""
    target, inner = os.environ.get("DEPLOY_ROOT", ""), os.path.normpath(root)
    return os.path.normpath(f"{target}/shared/{inner}") if target and not os.path.isabs(inner) else ""


def _listener() -> socket.socket:
    """The socket that we were given, or one on PORT."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0":
        listener = socket.socket(fileno=handed.FIRST)
        listener.settimeout(0)
        return listener
    port = os.environ.get("PORT", "")
    if not port.isdecimal():
        sys.exit("static: PORT has to say where to listen")
    address = os.environ.get("HOST") or handed.ANY
    address = handed.ANY if address == "0.0.0.0" else address  # noqa: S104 - every address, as is asked for
    return socket.socket(fileno=handed.bound(address, int(port)).detach())
