"""How does a host get a disk that is small, or full?"""

from __future__ import annotations

import os
from pathlib import Path

from .programs import call


def mount_new(image: Path, place: Path, *, megabytes: int, owner: int) -> None:
    """Mount a new ext4 file system, kept in the file `image`, at `place`; `owner` (a uid) owns what is made."""
    _make_folders(place, owner)
    image.parent.mkdir(exist_ok=True)
    with image.open("xb") as file:
        file.truncate(megabytes * 1024**2)
    call("mkfs.ext4", "-q", "-m", "0", "-E", f"root_owner={owner}:{owner}", image)
    call("mount", "-o", "loop", image, place)
    (place / "lost+found").rmdir()


def _make_folders(place: Path, owner: int) -> None:
    for folder in [*reversed(place.parents), place]:
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, owner, owner)


def fill(folder: Path, leave_bytes: int) -> Path:
    """Fill the file system of `folder` until at most `leave_bytes` are free; the file that does it."""
    filler = folder / ".filler"
    with filler.open("ab") as file:
        step = _free(folder)
        while (room := _free(folder) - leave_bytes) > 0 and step > 0:
            step = min(step, room)
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
            except OSError:  # the file system wants some of the room for itself
                step //= 2
    return filler


def _free(folder: Path) -> int:
    now = os.statvfs(folder)
    return now.f_bavail * now.f_frsize
