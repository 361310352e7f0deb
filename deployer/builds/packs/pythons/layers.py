"""Where do finished environments wait for the next build with the same lock file?

A layer is a stripped and compiled `.venv`, made under a temporary name and renamed into place when it is complete.
Its files are read-only and have the time 0, so that one which somebody wrote to shows by its time; such a layer is
thrown away.  Hard links bring it into a tree, and copies where the user's commands come after, for these may write
in place.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from deployer.agent import durable
from deployer.agent.objects import is_ours

KEPT = 12  # layers, the latest used ones
BLOCK = 1 << 30
ABANDONED = 24 * 3600  # seconds after which an unfinished layer can belong to no living build


class Layers:
    """The layers below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def deliver(self, key: str, target: Path, make: Callable[[Path], None], *, linked: bool) -> bool:
        """Put the layer `key` at `target`, made by `make(folder)` first if need be; whether it was there already."""
        layer = self.root / key
        known = layer.is_dir() and self._place(layer, target, linked=linked)
        if not known:
            self._make(layer, make)
            if not self._place(layer, target, linked=linked):
                raise OSError(f"{layer}: changed while it was copied")
            self._prune()
        os.utime(layer)
        return known

    def _make(self, layer: Path, make: Callable[[Path], None]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        if layer.exists():
            durable.remove(layer, name="layer.damaged")
        scratch = Path(tempfile.mkdtemp(dir=self.root, prefix=durable.TEMPORARY))
        try:
            make(scratch / "venv")
            entries = list(_frozen(str(scratch / "venv"), ""))
            durable.write(scratch / "entries", json.dumps(entries).encode(), name="layer.entries")
            # an unfinished layer has no name that anybody looks for, and a file cut by a power cut has another size
            try:
                os.rename(scratch, layer)
            except OSError:
                if not layer.is_dir():
                    raise
                durable.remove_tree(str(scratch))  # another build has made the same one meanwhile
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _place(self, layer: Path, target: Path, *, linked: bool) -> bool:
        """Whether the layer is at `target` now: not if one of its files is missing or was written to."""
        try:
            entries = json.loads((layer / "entries").read_bytes())
            target.mkdir()
            for path, size, mode, link in entries:
                source, destination = f"{layer}/venv/{path}", f"{target}/{path}"
                if link is not None:
                    os.symlink(link, destination)
                elif size is None:
                    os.mkdir(destination, 0o755)
                else:
                    state = os.lstat(source)
                    if not is_ours(state.st_mtime_ns) or state.st_size != size:
                        raise ValueError(path)
                    _bring(source, destination, mode, linked=linked)
        except (FileNotFoundError, ValueError):
            shutil.rmtree(target, ignore_errors=True)
            return False
        return True

    def _prune(self) -> None:
        """Remove what a kill left, and all layers but those used last."""
        found = [entry for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)]
        layers = [entry for entry in found if not entry.name.startswith(durable.TEMPORARY)]
        newest = max((entry.stat().st_mtime for entry in layers), default=0)
        for entry in found:
            if entry not in layers and entry.stat().st_mtime < newest - ABANDONED:
                durable.remove(entry.path, name="layer.abandoned")
        layers.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in layers[KEPT:]:
            durable.remove(entry.path, name="layer.prune")


def _bring(source: str, destination: str, mode: int, *, linked: bool) -> None:
    if linked:
        try:
            os.link(source, destination)
        except OSError:  # another file system, or too many links to this file: a copy is always right
            pass
        else:
            return
    _copy(source, destination, mode | 0o200)


def _copy(source: str, destination: str, mode: int) -> None:
    """A copy without a time.  Bare calls: `shutil` makes twice as many, and there are thousands of files."""
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            while os.sendfile(writing, reading, None, BLOCK):
                pass
            os.utime(writing, (0, 0))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _frozen(folder: str, below: str) -> Iterator[tuple[str, int | None, int, str | None]]:
    """Path, size (None: a folder), mode and link of all that is in `folder`; files get read-only and timeless."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        path = below + entry.name
        if entry.is_symlink():
            yield path, None, 0, os.readlink(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield path, None, 0, None
            yield from _frozen(entry.path, path + "/")
        else:
            state = entry.stat(follow_symlinks=False)
            mode = 0o555 if state.st_mode & 0o100 else 0o444
            os.chmod(entry.path, mode)
            os.utime(entry.path, (0, 0))
            yield path, state.st_size, mode, None
