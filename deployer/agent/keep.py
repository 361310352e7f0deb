"""Who keeps a one-off process that goes on by itself where systemd does not?  A keeper: a small process for each.

It writes what the process writes to the log, hears how it ends, and notes that.  SIGTERM to the keeper ends both.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import BinaryIO

from deployer.agent import child, oneoffs, procfs
from deployer.agent.environment import PATH
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.core.signals import signal_number

LARGEST = 10 << 20  # bytes of a log before it is rotated, as supervisord does it for the formation
BACKUPS = 3


def main(arguments: list[str]) -> None:
    """`ROOT APP TARGET NUMBER LOCK`; the lock is held by a descriptor that was inherited."""
    root, app, target, number, lock = arguments
    os.set_inheritable(int(lock), False)  # noqa: FBT003 - it takes no names
    files = Layout(Path(root), app, target)
    one = oneoffs.read(files, int(number))
    if one is not None:
        keep(files, one)


def keep(files: Layout, one: oneoffs.OneOff) -> None:
    """Start it, and stay until it has ended and that is noted."""
    folder = oneoffs.folder(files, one.number)
    process = subprocess.Popen(
        [interpreter(), "-IS", f"{folder}/agent.pyz", "oneoff"],
        cwd=folder,
        env={"PATH": PATH, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _note_start(folder, process.pid)
    signal.signal(signal.SIGTERM, lambda *_: _pass_on(process, signal_number(one.stop_signal)))
    with contextlib.closing(Log(oneoffs.log(files, one))) as log:
        _relay(process, log)
    oneoffs.end(files, one, oneoffs.sentence(one, *oneoffs.words(process.wait())))


class Log:
    """A file that grows to `LARGEST` and is then rotated; `logs.tail` and `logs.follow` read it."""

    def __init__(self, path: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._path = path
        self._file = self._open()

    def write(self, text: bytes) -> None:
        """Add `text`; on a disk that is full it is lost, and the process goes on."""
        with contextlib.suppress(OSError):
            self._file.write(text)
            if self._file.tell() >= LARGEST:
                self._rotate()

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(BACKUPS, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self._path}.{number - 1}" if number > 1 else self._path, f"{self._path}.{number}")
        self._file = self._open()

    def _open(self) -> BinaryIO:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "ab", buffering=0)


def _relay(process: subprocess.Popen[bytes], log: Log) -> None:
    """Write down what it says until it has ended; what it has left behind is not waited for."""
    assert process.stdout is not None
    descriptor, left = process.stdout.fileno(), child.LAST
    while left > 0:
        ended = process.poll() is not None
        ready, _, _ = select.select([descriptor], [], [], 0 if ended else 0.2)
        block = os.read(descriptor, 1 << 16) if ready else b""
        if block:
            log.write(block)
            left -= len(block) if ended else 0
        elif ready or ended:
            return


def _pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _note_start(folder: str, pid: int) -> None:
    known = {"pid": pid, "ticks": procfs.started(pid) or 0, "boot": procfs.boot(), "at": time.time()}
    part = f"{folder}/.tmp-{oneoffs.STARTED}"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(known, file)
    os.rename(part, f"{folder}/{oneoffs.STARTED}")
