"""How is the disk changed so that a power cut or a kill leaves the old state or the new one?

Every change of a host's disk goes through here.  The order is always: temporary name, all bytes, fsync, rename or
link into place, fsync of the directory (design, rule 13; fsync(2), rename(2), link(2)).  Each primitive passes a
named fault point before it acts.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from pathlib import Path
from typing import Iterator, Sequence, Union

from deployer.agent.fault import point

PathLike = Union[str, Path]
TEMPORARY = ".tmp-"
FEW = 64  # paths


@contextlib.contextmanager
def naming(path: PathLike) -> Iterator[None]:
    """Name `path` in errors of calls that know a descriptor only: write(2), fsync(2), fallocate(2)."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def temporary(path: PathLike) -> str:
    """A name beside `path` that nothing else uses; what a kill leaves of these is swept by the next writer."""
    folder, name = os.path.split(str(path))
    return os.path.join(folder, f"{TEMPORARY}{name}-{os.urandom(6).hex()}")


def write(path: PathLike, content: bytes, *, mode: int = 0o644, name: str = "write") -> None:
    """Replace `path` with `content`, whole or not at all, durable when it returns."""
    part = _write_part(path, content, mode, name)
    point(f"{name}.rename")
    os.rename(part, str(path))
    sync_directory(os.path.dirname(str(path)))


def publish(path: PathLike, content: bytes, *, mode: int = 0o444, name: str = "publish") -> None:
    """Make `path` with `content` if there is none yet; `FileExistsError` if there is: two writers cannot both win."""
    part = _write_part(path, content, mode, name)
    try:
        point(f"{name}.link")
        os.link(part, str(path))
    finally:
        _forget_part(part)
    sync_directory(os.path.dirname(str(path)))
    point(f"{name}.published")


def point_link(path: PathLike, target: str, *, name: str) -> None:
    """Make the symbolic link `path` lead to `target` by one rename(2), durable when it returns."""
    part = temporary(path)
    point(f"{name}.symlink")
    os.symlink(target, part)
    point(f"{name}.rename")
    try:
        os.rename(part, str(path))
    except BaseException:
        os.unlink(part)
        raise
    sync_directory(os.path.dirname(str(path)))
    point(f"{name}.renamed")


def move(source: PathLike, target: PathLike, *, name: str) -> None:
    """Rename within a file system, durable when it returns."""
    point(f"{name}.rename")
    os.rename(str(source), str(target))
    sync_directory(os.path.dirname(str(target)))
    point(f"{name}.renamed")


def make_directory(path: PathLike, *, mode: int = 0o755) -> None:
    """Make `path` and its parents if they are missing, durable when it returns: what lies in them is no more so."""
    missing, folder = [], os.path.abspath(str(path))
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    if missing:
        os.makedirs(str(path), exist_ok=True)
        os.chmod(str(path), mode)
        for made in missing:
            sync_directory(os.path.dirname(made))


def remove(path: PathLike, *, name: str) -> None:
    """Remove a file, a link or a whole read-only tree; missing is fine.  A tree vanishes by one rename first."""
    path = str(path)
    if os.path.islink(path) or os.path.isfile(path):
        point(f"{name}.unlink")
        os.unlink(path)
        sync_directory(os.path.dirname(path))
    elif os.path.isdir(path):
        if not os.path.basename(path).startswith(TEMPORARY):
            point(f"{name}.rename")
            gone = temporary(path)
            os.rename(path, gone)
            path = gone
        point(f"{name}.rmtree")
        remove_tree(path)


def remove_tree(path: str) -> None:
    """Remove a tree whose directories may be read-only."""
    try:
        shutil.rmtree(path)
    except PermissionError:  # looking at every folder beforehand would cost as much as removing them
        for folder, _, _ in os.walk(path):
            os.chmod(folder, 0o700)
        shutil.rmtree(path)


def sync_directory(path: str) -> None:
    """Fsync the directory `path`: names made or renamed in it survive a power cut from here on."""
    sync_path(path or ".", os.O_DIRECTORY)


def sync_path(path: str, flags: int = 0) -> None:
    """Fsync the file or directory `path`: its content survives a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_paths(root: PathLike, paths: Sequence[str]) -> None:
    """Make these durable: a few one by one, for a file system's other writers may have gigabytes to write yet."""
    if len(paths) > FEW:
        sync_filesystem(root)
    else:
        for path in paths:
            sync_path(path)


def sync_filesystem(path: PathLike) -> None:
    """One checked syncfs(2) of the file system that holds `path`; `OSError` if any write before it was lost."""
    point("syncfs")
    descriptor = os.open(str(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte: a nearly full disk makes short writes without an error."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_part(path: PathLike, content: bytes, mode: int, name: str) -> str:
    part = temporary(path)
    point(f"{name}.create")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            with naming(path):
                write_all(descriptor, content)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        _forget_part(part)
        raise
    return part


def _forget_part(part: str) -> None:
    """Remove a temporary file; on a disk that refuses even this it is left to the next writer."""
    with contextlib.suppress(OSError):
        os.unlink(part)
