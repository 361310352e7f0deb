"""Write to a path that a person named: a plain file is replaced whole, anything else is written into or refused.

A rename would replace whatever has the name: the device `/dev/full` of the whole machine, a named pipe that somebody
reads, a link that leads into another folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from deployer.agent import durable
from deployer.core.errors import NotFound, UsageError

MOST = 40  # links that are followed, as Linux does
HINT = "name a file: `--output shop.build`"


def write(path: Path, blocks: Iterable[bytes]) -> None:
    """Write `blocks` to `path`.

    A plain file, or a name that nothing has yet, gets them whole or not at all; where `path` is a link, that is what
    it leads to.  A pipe or a device is written into as it is.  A folder, a socket or a terminal is a `UsageError`.
    """
    try:
        found = os.stat(path)
        plain = stat.S_ISREG(found.st_mode) and not _of_a_process(path)
        if not plain:
            _write_into(path, found.st_mode, blocks)
            return
    except FileNotFoundError:  # a new name, or a link to one
        pass
    _replace(Path(os.path.realpath(path)), blocks)


def is_stdout(path: Path) -> bool:
    """Whether `path` leads to this program's standard output."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(1)) and not os.path.samestat(os.fstat(1), os.stat(os.devnull))
    return False


def _of_a_process(path: Path) -> bool:
    """Whether the way to it leads through an open file (`/dev/stdout`, `/proc/self/fd/3`): its opener keeps it."""
    place = os.path.abspath(path)
    for _ in range(MOST):
        folder = os.path.realpath(os.path.dirname(place))
        if folder.startswith("/proc/"):
            return True
        if not os.path.islink(place):
            return False
        place = os.path.join(folder, os.readlink(place))
    return False


def _replace(path: Path, blocks: Iterable[bytes]) -> None:
    part = durable.temporary(path)
    try:
        with durable.naming(path), open(part, "xb") as file:
            file.writelines(blocks)
            file.flush()
            os.fsync(file.fileno())
        durable.move(part, path, name="artifact")
    except FileNotFoundError as error:
        raise NotFound(f"there is no folder {path.parent}", hint="make it first") from error
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(part)


def _write_into(path: Path, mode: int, blocks: Iterable[bytes]) -> None:
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a folder", hint=HINT)
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        kind = "a socket" if stat.S_ISSOCK(mode) else "a disk"
        raise UsageError(f"{path} is {kind}, not a file", hint=HINT)
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY | (os.O_APPEND if stat.S_ISREG(mode) else 0)
    with durable.naming(path), os.fdopen(os.open(path, flags), "wb") as file:
        if file.isatty():
            raise UsageError(f"{path} is a terminal: a build is no text", hint=HINT)
        file.writelines(blocks)
