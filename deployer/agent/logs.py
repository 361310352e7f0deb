"""What has a process written lately?  The end of a rotated file, read backwards, and what is added to it."""

from __future__ import annotations

import os
import time
from typing import BinaryIO, Callable, Mapping, Optional, TypeVar

from deployer.agent import durable
from deployer.agent.log_times import dated

BLOCK = 1 << 16
MOST = 8 << 20  # bytes of a tail, however long its lines are
ROTATIONS = 9
PAUSE = 0.1
PATIENCE = 1.0  # seconds that an unfinished line is held back

K = TypeVar("K")


def tail(path: str, lines: int) -> bytes:
    """The last `lines` lines of `path` and, where it has fewer, of `path.1`, `path.2` …; b'' if there is none."""
    return b"".join(text for _, _, text in _tail(path, lines, None))


def entries(path: str, lines: int) -> list[tuple[float, bytes]]:
    """The last `lines` lines without their ends, each with its time in seconds of the epoch, 0 where it is unknown."""
    return [line for name, start, text in _tail(path, lines, None) if text for line in dated(name, start, text)]


def follow(
    paths: Mapping[K, str], lines: int, emit: Callable[[K, float, bytes], None], idle: Callable[[], bool]
) -> None:
    """Give `emit` the last `lines` lines of each file, then whole lines as they come, until `idle()` is true.

    Each comes with its time: the last lines with that of their marks, what comes with that of its arrival.
    A file may not be there yet, be rotated (its rest is read first) or be truncated.
    """
    followed = {key: _Followed(path, lines) for key, path in paths.items()}
    while True:
        ending = idle()
        for key, file in followed.items():
            for at, text in file.begun():
                emit(key, at, text)
            added = file.read(flush=ending)
            if added:
                emit(key, time.time(), added)
        if ending:
            break
        time.sleep(PAUSE)
    for file in followed.values():
        file.close()


def discard(folder: str, release: int) -> None:
    """Remove all logs of a release that is pruned."""
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith(f"v{release}-"):
            durable.remove(f"{folder}/{name}", name="log")


class _Followed:
    """One file that grows; `read` gives what has been added since."""

    def __init__(self, path: str, lines: int) -> None:
        self._path = path
        self._file = _open(path)
        self._held, self._held_since = b"", time.monotonic()
        self._ready: list[tuple[float, bytes]] = []
        if self._file is not None:
            end = self._file.seek(0, os.SEEK_END)
            for name, start, text in _tail(path, lines, end):
                self._ready += [(at, line + b"\n") for at, line in dated(name, start, text)] if text else []
                if text and not text.endswith(b"\n"):
                    self._ready[-1] = self._ready[-1][0], self._ready[-1][1][:-1]

    def begun(self) -> list[tuple[float, bytes]]:
        """The last lines that were there when it was opened, once; one that is not finished waits for its end."""
        found, self._ready = self._ready, []
        if found and not found[-1][1].endswith(b"\n"):
            self._held = found.pop()[1]
        return found

    def read(self, *, flush: bool) -> bytes:
        """Whole lines; an unfinished one after `PATIENCE`, or at once with `flush`."""
        added = self._held + self._added()
        whole, newline, rest = added.rpartition(b"\n")
        if rest != self._held:
            self._held_since = time.monotonic()
        if flush or len(rest) > BLOCK or time.monotonic() - self._held_since > PATIENCE:
            self._held = b""
            return added
        self._held = rest
        return whole + newline

    def close(self) -> None:
        """Follow it no longer."""
        if self._file is not None:
            self._file.close()

    def _added(self) -> bytes:
        if self._file is None:
            self._file = _open(self._path)
            if self._file is None:
                return b""
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)
        added = self._file.read()
        if self._replaced():
            added += self._file.read()  # written between the look before and the rotation
            self._file.close()
            self._file = _open(self._path)
            added += self._file.read() if self._file is not None else b""
        return added

    def _replaced(self) -> bool:
        assert self._file is not None
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return False
        ours = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)


def _tail(path: str, lines: int, end: Optional[int]) -> list[tuple[str, int, bytes]]:
    """The last lines, oldest first: file by file, each with where they begin in it."""
    found, room = [], MOST
    for rotation in ["", *(f".{number}" for number in range(1, ROTATIONS + 1))]:
        file = _open(path + rotation)
        if file is None or lines <= 0 or room <= 0:
            break
        with file:
            last = file.seek(0, os.SEEK_END) if end is None else end
            part = _last(file, lines, last, room)
        found.append((path + rotation, last - len(part), part))
        lines -= part.count(b"\n") if not part or part.endswith(b"\n") else part.count(b"\n") + 1
        room -= len(part)
        end = None
    return found[::-1]


def _last(file: BinaryIO, lines: int, at: int, room: int) -> bytes:
    """The last `lines` lines before the byte `at`, reading blocks from there backwards."""
    text = b""
    while at > 0 and len(text) < room:
        step = min(BLOCK, at)
        at -= step
        file.seek(at)
        text = file.read(step) + text
        if text[:-1].count(b"\n") >= lines:
            break
    text = text[-room:]
    start = len(text) - 1 if text.endswith(b"\n") else len(text)
    for _ in range(lines):
        start = text.rfind(b"\n", 0, start)
        if start < 0:
            return text
    return text[start + 1 :]


def _open(path: str) -> Optional[BinaryIO]:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        return None
