"""What do package managers and compilers leave behind that would make the same build differ, or not move?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

# Caches of build tools: times, absolute paths, and never read at run time.
CACHES = (
    "node_modules/.cache",
    "node_modules/.vite",
    "node_modules/.vite-temp",
    "node_modules/.tmp",
    ".next/cache",
    ".next/trace",
    ".parcel-cache",
)
FOREIGN = (".git", ".venv")  # not ours to tidy
BINARIES = (".node", ".so", ".dylib", ".wasm")


def sweep(tree: Path, leavings: Iterable[str]) -> None:
    """Delete caches, `leavings` (globs) and the litter of node-gyp; make absolute links into the tree relative."""
    drop_caches(tree, leavings)
    for folder, folders, files in os.walk(tree):
        here = Path(folder)
        if _is_gyp(here, files):
            _keep_binaries(here)
            folders.clear()
            continue
        for name in (*folders, *files):
            if os.path.islink(os.path.join(folder, name)):
                _relative(here / name, tree)
        folders[:] = [name for name in folders if name not in FOREIGN]


def drop_caches(tree: Path, leavings: Iterable[str]) -> None:
    """Delete caches of build tools and `leavings` (globs)."""
    for pattern in (*CACHES, *leavings):
        for path in list(_matches(tree, pattern)):
            _delete(path)


def _matches(tree: Path, pattern: str) -> Iterator[Path]:
    """As glob, but `**/node_modules/X` looks into each package's folder, not into a hundred thousand files."""
    if not pattern.startswith("**/node_modules/"):
        yield from tree.glob(pattern)
        return
    for modules in _folders_of_modules(tree):
        yield from modules.glob(pattern.removeprefix("**/node_modules/"))


def _folders_of_modules(tree: Path) -> list[Path]:
    """Every outermost `node_modules`: the app's own and those of its workspaces."""
    found = []
    for folder, folders, _ in os.walk(tree):
        if "node_modules" in folders:
            folders.remove("node_modules")
            if not os.path.islink(os.path.join(folder, "node_modules")):
                found.append(Path(folder, "node_modules"))
        folders[:] = [name for name in folders if name not in FOREIGN]
    return found


def _is_gyp(folder: Path, files: list[str]) -> bool:
    """Whether node-gyp built something here; its settings hold the machine's paths."""
    return folder.name.startswith("build") and ("config.gypi" in files or "build-tmp" in folder.name)


def _keep_binaries(folder: Path) -> None:
    """Of node-gyp's build folder only the binaries themselves: not objects, makefiles, or a link to this python."""
    for here, folders, files in os.walk(folder, topdown=False):
        inside = Path(here).relative_to(folder).parts
        scratch = any(part in ("obj", "obj.target", ".deps") for part in inside)
        for name in files:
            if scratch or (not name.endswith(BINARIES) and ".so." not in name):
                os.unlink(os.path.join(here, name))
        for name in folders:
            path = os.path.join(here, name)
            if os.path.islink(path):
                os.unlink(path)
            elif not os.listdir(path):
                os.rmdir(path)


def _relative(link: Path, tree: Path) -> None:
    """A link that works wherever the tree is put; one that leads outside is left for the packer to refuse."""
    target = os.readlink(link)
    if os.path.isabs(target) and os.path.commonpath([tree, os.path.normpath(target)]) == str(tree):
        link.unlink()
        link.symlink_to(os.path.relpath(target, link.parent))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
