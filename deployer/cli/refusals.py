"""Hint for what the operating system of this machine refuses: which limit or setting is in the way."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Mapping

FOLDERS = (
    ("XDG_CACHE_HOME", "~/.cache", "what can be made again"),
    ("XDG_STATE_HOME", "~/.local/state", "builds and the target `local`"),
    ("TMPDIR", "/tmp", "temporary files"),  # noqa: S108 - only named
    ("HOME", "~", "all that deployer keeps"),
)
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


def hint(error: OSError, environ: Mapping[str, str]) -> str:
    """What to change so that it does not happen again; '' where that is not known."""
    if error.errno == errno.EMFILE:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"this session may have {allowed} files open at once: `ulimit -n 1024` before the command raises that"
    if error.errno == errno.EFBIG:
        allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if allowed != resource.RLIM_INFINITY:
            return f"`ulimit -f` lets this session write {allowed:,} bytes to a file: `ulimit -f unlimited` lifts that"
        return "the file system takes no file of that size: another folder may"
    if error.errno in REFUSED and isinstance(error.filename, str):
        return _other_folder(error.filename, environ)
    return ""


def _other_folder(path: str, environ: Mapping[str, str]) -> str:
    """The variable that names another folder than the one that cannot be written to."""
    home = environ.get("HOME", "")
    for name, usual, what in FOLDERS:
        place = environ.get(name) or usual.replace("~", home, 1)
        if place and os.path.commonpath([os.path.abspath(path), place]) == place:
            return f"{name} names another folder for {what}: {name}=/a/folder/of/yours before the command"
    return ""
