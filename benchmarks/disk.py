"""Where are the files of a benchmark made?  On ext4 with a journal; without one, an `rm -rf` slows the next minutes."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SIZE = 12 << 30  # sparse: what is written counts


@contextlib.contextmanager
def journaled_folder() -> Iterator[tuple[Path, str]]:
    """An empty folder, and in words what it is on; it vanishes afterwards."""
    with tempfile.TemporaryDirectory(prefix="deployer-bench-") as given:
        here = Path(given)
        if journaled(here):
            yield here, "the disk there is, which has a journal"
        elif os.geteuid() != 0:
            yield here, "the disk there is: it has NO JOURNAL, and only root can mount one that has"
        else:
            with mounted(here) as place:
                yield place, "a loop file: ext4 with a journal"


def journaled(folder: Path) -> bool:
    """Whether the file system of `folder` is no ext4, or one with a journal."""
    found = ("", "", "")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, point, kind, *_ = line.split(" ")
        if folder.is_relative_to(point) and len(point) >= len(found[1]):
            found = (device, point, kind)
    device, _, kind = found
    journals = Path("/proc/fs/jbd2")
    names = os.listdir(journals) if journals.is_dir() else []
    return kind != "ext4" or any(name.startswith(os.path.basename(os.path.realpath(device)) + "-") for name in names)


@contextlib.contextmanager
def mounted(folder: Path, *, size: int = SIZE) -> Iterator[Path]:
    """A new ext4 with a journal, in a sparse file of `size` bytes, mounted."""
    image, place = folder / "disk", folder / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    call("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    call("mount", "-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        call("umount", "--lazy", str(place))


def call(*command: str) -> None:
    """Run it; it must succeed, and soon."""
    subprocess.run(command, check=True, timeout=120)
