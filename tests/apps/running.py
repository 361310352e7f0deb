"""How is an app started by hand?  As a release would: its commands by `sh -c`, with PORT and the config."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def commands(folder: Path) -> dict[str, str]:
    """The Procfile's commands by type."""
    lines = (folder / "Procfile").read_text().splitlines()
    return {kind: command.strip() for kind, _, command in (line.partition(":") for line in lines if line)}


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of `path`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_for(port: int, path: str, *, seconds: float = 30) -> tuple[int, bytes]:
    """The first answer to `path`, however long the app takes to boot."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return get(port, path)
        except (OSError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def running(folder: Path, command: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The command as a process in a group of its own, all of which is gone afterwards."""
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
