"""`deploy` from an interpreter that has read its modules: each command is a fork of it, a process of its own.

Most of a short command's processor time goes into reading modules, and a test run is some thousand commands.  What a
fork inherits is modules, nothing that a command has done.  DEPLOYER_TEST_COLD=1 starts every command anew instead; so
do all that are killed, stopped or looked at while they run.
"""

from __future__ import annotations

import array
import contextlib
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LENGTH = struct.Struct("=I")
OF_HOSTS = ("deployer.agent", "deployer.hosts.supervisord")  # programs of their own


def run(arguments: tuple[str, ...], folder: Path, environ: Mapping[str, str], text: str | None, seconds: float) -> Any:
    """The exit code of `deploy ARGUMENTS` in `folder`, its stdout and its stderr; no code (None) if it took longer."""
    asked = json.dumps([arguments, str(folder), dict(environ)]).encode()
    given, out, err = os.pipe(), os.pipe(), os.pipe()
    if text is None:
        os.close(given[0])
        os.close(given[1])
        given = (os.open(os.devnull, os.O_RDONLY), -1)
    theirs = given[0], out[1], err[1]
    with socket.socket(socket.AF_UNIX) as told:
        told.connect(_server())
        told.sendmsg([LENGTH.pack(len(asked))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", theirs))])
        told.sendall(asked)
        for descriptor in theirs:
            os.close(descriptor)
        if text is not None:
            threading.Thread(target=_write, args=(given[1], text), daemon=True).start()
        said: dict[int, str] = {}
        readers = [threading.Thread(target=_read, args=(end, said), daemon=True) for end in (out[0], err[0])]
        for reader in readers:
            reader.start()
        (pid,) = LENGTH.unpack(told.recv(LENGTH.size, socket.MSG_WAITALL))
        told.settimeout(seconds)
        try:
            (code,) = struct.unpack("=i", told.recv(4, socket.MSG_WAITALL))
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)
            code = None
        for reader in readers:
            reader.join(seconds)
    return code, said.get(out[0], ""), said.get(err[0], "")


def _write(descriptor: int, text: str) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _read(descriptor: int, said: dict[int, str]) -> None:
    with os.fdopen(descriptor, encoding="utf-8") as file:
        said[descriptor] = file.read()


@functools.cache
def _server() -> str:
    """The path of this test process's server, which ends with it."""
    path = os.path.join(tempfile.mkdtemp(prefix="deployer-warm-"), "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(64)
    ours, theirs = os.pipe()
    code = f"import sys; sys.path.insert(0, {os.getcwd()!r}); from tests.e2e import warm; warm.serve(int(sys.argv[1]))"
    subprocess.Popen(  # it sees that we have ended by the end of its stdin
        [sys.executable, "-c", code, str(listening.fileno())], stdin=ours, pass_fds=[listening.fileno()]
    )
    os.close(ours)
    listening.close()
    _KEPT.append(theirs)
    return path


_KEPT: list[int] = []


def serve(listening: int) -> None:
    """Fork for whoever asks, until stdin ends."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for the commands
    server = socket.socket(fileno=listening)
    import gc
    import select

    gc.collect()
    gc.freeze()
    while True:
        ready, _, _ = select.select([server, 0], [], [])
        if 0 in ready:
            return
        told, _ = server.accept()
        if os.fork() == 0:
            server.close()
            _wait_for_one(told)
        told.close()


def _load() -> None:
    import importlib
    import pkgutil

    import deployer

    for module in pkgutil.walk_packages(deployer.__path__, "deployer."):
        if not module.name.startswith(OF_HOSTS) and not module.name.endswith("_script"):
            importlib.import_module(module.name)


def _wait_for_one(told: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, rights, _, _ = told.recvmsg(LENGTH.size, socket.CMSG_SPACE(3 * 4))
    descriptors = array.array("i", rights[0][2])
    asked = b""
    while len(asked) < LENGTH.unpack(length)[0]:
        asked += told.recv(1 << 20)
    pid = os.fork()
    if pid == 0:
        told.close()
        _be(descriptors, *json.loads(asked))
    for descriptor in descriptors:
        os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):
        told.sendall(LENGTH.pack(pid))
        told.sendall(struct.pack("=i", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    os._exit(0)


def _be(descriptors: array.array[int], arguments: list[str], folder: str, environ: dict[str, str]) -> None:
    """Run the command and end as `python -m deployer.cli.main` does."""
    code = 70
    try:
        os.setsid()
        for ours, theirs in enumerate(descriptors):
            os.dup2(theirs, ours)
            os.close(theirs)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["deploy", *arguments]
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
        from deployer.cli.main import main

        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
