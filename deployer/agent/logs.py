"""What has a process written lately?  The end of a rotated file, read backwards, and what is added to it."""

from __future__ import annotations

import os
import time
from typing import BinaryIO, Callable, Mapping, Optional, TypeVar

from deployer.agent import durable

BLOCK = 1 << 16
MOST = 8 << 20  # bytes of a tail, however long its lines are
ROTATIONS = 9
PAUSE = 0.1
PATIENCE = 1.0  # seconds that an unfinished line is held back

K = TypeVar("K")


def tail(path: str, lines: int) -> bytes:
    """The last `lines` lines of `path` and, where it has fewer, of `path.1`, `path.2` …; b'' if there is none."""
    return _tail(path, lines, None)


def follow(paths: Mapping[K, str], lines: int, emit: Callable[[K, bytes], None], idle: Callable[[], bool]) -> None:
    """Give `emit` the last `lines` lines of each file, then whole lines as they come, until `idle()` is true.

    A file may not be there yet, be rotated (its rest is read first) or be truncated.
    """
    followed = {key: _Followed(path, lines) for key, path in paths.items()}
    while True:
        ending = idle()
        for key, file in followed.items():
            added = file.read(flush=ending)
            if added:
                emit(key, added)
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
        self._ready = b""
        if self._file is not None:
            end = self._file.seek(0, os.SEEK_END)
            self._ready = _tail(path, lines, end)

    def read(self, *, flush: bool) -> bytes:
        """Whole lines; an unfinished one after `PATIENCE`, or at once with `flush`."""
        added = self._ready + self._held + self._added()
        self._ready = b""
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


def _tail(path: str, lines: int, end: Optional[int]) -> bytes:
    found, room = [], MOST
    for rotation in ["", *(f".{number}" for number in range(1, ROTATIONS + 1))]:
        file = _open(path + rotation)
        if file is None or lines <= 0 or room <= 0:
            break
        with file:
            part = _last(file, lines, end, room)
        found.append(part)
        lines -= part.count(b"\n") if not part or part.endswith(b"\n") else part.count(b"\n") + 1
        room -= len(part)
        end = None
    return b"".join(reversed(found))


def _last(file: BinaryIO, lines: int, end: Optional[int], room: int) -> bytes:
    """The last `lines` lines before `end`, reading blocks from there backwards."""
    at = file.seek(0, os.SEEK_END) if end is None else end
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
