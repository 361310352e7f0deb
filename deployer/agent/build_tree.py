"""The tree of a build, laid out: its folders, hard links into the objects, and its own links; do they fit still?"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable

from deployer.agent.objects import Objects, is_unedited
from deployer.core.manifest import Entry, File


def make_folders(root: str, paths: Iterable[str]) -> list[str]:
    """Make the folders of these paths below `root`; all of them, parents first."""
    made: dict[str, None] = {}
    for path in paths:
        missing = []
        folder = posixpath.dirname(path)
        while folder and folder not in made:
            missing.append(folder)
            folder = posixpath.dirname(folder)
        for folder in reversed(missing):
            os.mkdir(f"{root}/{folder}")
            made[folder] = None
    return [f"{root}/{folder}" for folder in made]


def fits(entry: Entry, path: str) -> bool:
    """Whether what is at `path` has the kind, size, mode and time of the entry, or leads where it does."""
    try:
        found = os.lstat(path)
        if isinstance(entry, File):
            mode = 0o100555 if entry.executable else 0o100444
            return (found.st_mode, found.st_size) == (mode, entry.size) and is_unedited(found.st_mtime_ns)
        return os.readlink(path) == entry.target
    except OSError:
        return False


def make(entry: Entry, path: str, objects: Objects) -> None:
    """Make a file (a hard link into the objects) or a link of a build."""
    if isinstance(entry, File):
        objects.link(entry, path)
    else:
        os.symlink(entry.target, path)
