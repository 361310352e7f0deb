"""Where do files' contents live, once each?  `objects/ab/cdef…`, named by sha256, read-only.

A hard link shares its mode with all others, so an executable content is an object of its own (`….x`).
Objects are linked into release directories; an operator's builds live in the same kind of store.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Protocol

from deployer.agent import durable
from deployer.agent.fault import point
from deployer.core.errors import Drift
from deployer.core.manifest import File

BLOCK = 1024 * 1024
SECOND = 10**9  # nanoseconds
MARK = 7  # nanoseconds of every time that is given to an object: what is edited later has others


class Readable(Protocol):
    """What contents are read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        ...


def is_ours(mtime_ns: int) -> bool:
    """Whether a file has the time of an object: none yet, or one that was given to it (agent/file_times.py)."""
    return mtime_ns == 0 or mtime_ns % SECOND == MARK


def is_unedited(mtime_ns: int) -> bool:
    """Whether nobody has written to an object since, at a glance; some file systems know whole seconds only."""
    return mtime_ns % SECOND in (0, MARK)


def is_frozen(status: os.stat_result) -> bool:
    """Whether a file has an object's form: read-only, with its time.  A layer's files have, and are never changed."""
    return stat.S_IMODE(status.st_mode) in (0o444, 0o555) and is_ours(status.st_mtime_ns)


def receive(path: str, file: File, stream: Readable) -> None:
    """Read exactly `file.size` bytes from `stream` into a new object at `path`; `Drift` unless they are the file's."""
    digest, left = hashlib.sha256(), file.size
    point("object.create")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while left:
            block = stream.read(min(left, BLOCK))
            if not block:
                raise Drift(f"{file.path}: the stream ended {left} bytes early", hint="run the command again")
            digest.update(block)
            with durable.naming(path):
                durable.write_all(descriptor, block)
            left -= len(block)
        if digest.hexdigest() != file.sha256:
            raise Drift(f"{file.path}: what arrived is not what was built", hint="run the command again")
        os.fchmod(descriptor, 0o555 if file.executable else 0o444)
        os.utime(descriptor, (0, 0))  # none yet; a later edit shows at a glance
    finally:
        os.close(descriptor)


class Objects:
    """The store of contents below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: set[str] = set()

    def path(self, file: File) -> str:
        """Where the content of `file` is, or would be."""
        return f"{self.root}/{file.sha256[:2]}/{file.sha256[2:]}{'.x' if file.executable else ''}"

    def has(self, file: File) -> bool:
        """Whether the content is here, with its size."""
        try:
            return os.lstat(self.path(file)).st_size == file.size
        except FileNotFoundError:
            return False

    def place(self, path: str, file: File) -> None:
        """Give the object at `path`, which `receive` has made on this file system, its name in the store."""
        self._make_folder(file)
        point("object.rename")
        os.rename(path, self.path(file))

    def adopt(self, path: str, file: File) -> None:
        """Move the file at `path`, whose digest the caller has just taken, into the store."""
        self._make_folder(file)
        os.chmod(path, 0o555 if file.executable else 0o444)
        os.utime(path, (0, 0))
        point("object.rename")
        try:
            os.rename(path, self.path(file))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            part = self._part(file)
            shutil.copyfile(path, part)
            shutil.copymode(path, part)
            os.utime(part, (0, 0))
            os.unlink(path)
            point("object.rename")
            os.rename(part, self.path(file))

    def share(self, path: str, file: File) -> None:
        """Keep the content of a file that is as an object has to be already, without moving it away."""
        self._make_folder(file)
        point("object.link")
        with contextlib.suppress(FileExistsError):
            os.link(path, self.path(file))

    def link(self, file: File, target: str) -> None:
        """Make `target` the content of `file`: a hard link, or a copy where the file system allows no more links."""
        try:
            os.link(self.path(file), target)
        except OSError as error:
            if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM):
                raise
            shutil.copyfile(self.path(file), target)
            os.chmod(target, 0o555 if file.executable else 0o444)
            moment = os.stat(self.path(file)).st_mtime_ns
            os.utime(target, ns=(moment, moment))

    def _part(self, file: File) -> str:
        self._make_folder(file)
        return durable.temporary(self.path(file))

    def _make_folder(self, file: File) -> None:
        folder = f"{self.root}/{file.sha256[:2]}"
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
