"""I/O errors in words: the path, the room that is left on its file system, and what to do."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Union

PathLike = Union[str, Path]
TEMPORARY_NAME = re.compile(r"\.tmp-(.+)-[0-9a-f]{12}$")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
MEGABYTE = 1 << 20
HINTS = {
    errno.ENOSPC: "make room on that file system (`df -h {place}`, `df -i {place}`), then run the command again",
    errno.EDQUOT: "the user's quota there is used up (`quota`): make room, then run the command again",
    errno.EROFS: "its file system is read-only: `dmesg` says why; once it can be written to, run the command again",
    errno.EIO: "the disk reports an error: `dmesg` says more; once it is well, run the command again",
    errno.EACCES: "give the user of this command the right to it, then run the command again",
    errno.EPERM: "give the user of this command the right to it, then run the command again",
}


def message(error: OSError, otherwise: PathLike = "") -> str:
    """What failed: the path (`otherwise`, where the error names none), why, and how much room is left."""
    path = _path(error, otherwise)
    named = f"{path}: " if path else ""
    return f"{named}{error.strerror or error}{_room(path) if error.errno in NO_ROOM else ''}"


def hint(error: OSError, otherwise: PathLike = "") -> str:
    """What to do, for `message`."""
    place = _existing(_path(error, otherwise))
    return HINTS.get(error.errno or 0, "fix this, then run the command again").format(place=place)


def _path(error: OSError, otherwise: PathLike) -> str:
    """The path that the user knows: not the temporary name, under which it is written first."""
    path = os.fsdecode(error.filename2 or error.filename or otherwise) if not _is_number(error.filename) else ""
    folder, name = os.path.split(path or str(otherwise))
    return os.path.join(folder, TEMPORARY_NAME.sub(r"\1", name))


def _is_number(filename: object) -> bool:
    return isinstance(filename, int)  # a descriptor


def _room(path: str) -> str:
    try:
        found = os.statvfs(_existing(path))
    except OSError:
        return ""
    free = f"{found.f_bavail * found.f_frsize / MEGABYTE:.1f} MB"
    return f" ({free} and {found.f_favail} inodes are free there)" if found.f_files else f" ({free} are free there)"


def _existing(path: str) -> str:
    """`path`, or the folder above it that is there."""
    while path and path != "/" and not os.path.lexists(path):
        path = os.path.dirname(path)
    return path or "/"
