"""How does a commit's tree come onto the disk, exactly as it was committed?

By plumbing and an own writer: no hook, filter, attribute or index takes part.  `git archive` would obey the
repository's `export-ignore` and `export-subst`, `git checkout` its filters and line-end rules.
Names come from whoever wrote the commit: nothing is made outside the tree, and links are made last, so that
no file can be written through one.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import IO

from deployer.agent import durable
from deployer.builds import lfs, submodules
from deployer.builds.git import Git, GitFailed
from deployer.builds.source import Commit, Source, lacks
from deployer.builds.submodules import Home
from deployer.core.errors import BuildFailed
from deployer.core.manifest import unsafe_link, unsafe_path
from deployer.core.recipe import Recipe

BLOCK = 1024 * 1024
LARGEST_OUTLINE = 4 * 1024 * 1024
LINK, EXECUTABLE, SUBMODULE = "120000", "100755", "160000"


@dataclass(frozen=True)
class Node:
    """One entry of a commit's tree: its git mode, the object's id, and its path in the app."""

    mode: str
    object: str
    path: str


def nodes(source: Source, commit: Commit) -> list[Node]:
    """Everything in the commit's tree, checked: `BuildFailed` names the first path that may not be made."""
    return _nodes(source.git, commit.tree)


def paths(tree: list[Node]) -> frozenset[str]:
    """The files' paths, for the packs to detect by."""
    return frozenset(node.path for node in tree if node.mode != SUBMODULE)


def checkout(source: Source, commit: Commit, tree: list[Node], folder: str, *, recipe: Recipe) -> None:
    """Write the commit's tree into the empty `folder`."""
    made = {folder}
    for home, part in _parts(source, commit, tree, recipe):
        _write(home.git, part, folder, made, partial(_content, home=home, allowed=recipe.lfs))


def outline(source: Source, tree: list[Node], folder: str, *, root: str = "", also: tuple[str, ...] = ()) -> None:
    """Write only the small files of `root` (lock files, `.python-version`), and `also`: enough for a cache's key."""
    chosen = [
        n for n in tree if (posixpath.dirname(n.path) == root or n.path in also) and n.mode not in (LINK, SUBMODULE)
    ]
    _write(source.git, chosen, folder, {folder}, lambda _, blob: blob if blob.size <= LARGEST_OUTLINE else Blob.of(b""))


@dataclass(frozen=True)
class Blob:
    """A file's content as it comes out of git: `size` bytes in `blocks`."""

    size: int
    blocks: Iterator[bytes]

    @classmethod
    def of(cls, content: bytes) -> Blob:
        """A blob of these bytes."""
        return cls(len(content), iter((content,)))


def _nodes(git: Git, tree: str) -> list[Node]:
    try:
        listed = git("ls-tree", "-r", "-z", "--full-tree", tree)
    except GitFailed as error:
        raise lacks(tree) from error
    found = []
    for line in listed.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, _, oid = head.decode().split(" ")
        try:
            path = name.decode()
        except UnicodeDecodeError as error:
            raise BuildFailed(f"{os.fsdecode(name)!r}: the name is not UTF-8", hint="rename it") from error
        reason = unsafe_path(path) or ("is git's own" if ".git" in path.lower().split("/") else "")
        if reason:
            raise BuildFailed(f"the commit holds {path!r}: {reason}", hint="")
        found.append(Node(mode, oid, path))
    return found


def _parts(source: Source, commit: Commit, tree: list[Node], recipe: Recipe) -> Iterator[tuple[Home, list[Node]]]:
    """The tree and, where asked for, those of its submodules, each with the repository that has its objects."""
    waiting = [(Home(source.git, source.common_dir, source.work_tree), commit.id, source.prefix, "", tree)]
    while waiting:
        home, super_commit, prefix, below, part = waiting.pop()
        yield home, [replace(node, path=below + node.path) for node in part if node.mode != SUBMODULE]
        for node in (node for node in part if node.mode == SUBMODULE):
            path = below + node.path
            if not recipe.submodules:
                raise BuildFailed(
                    f"{path} is a submodule", hint="say `submodules: true` under `build:` in deploy.yaml to include it"
                )
            inner = submodules.home(home, super_commit, prefix + node.path, node.object)
            inner_tree = inner.git("rev-parse", "--verify", f"{node.object}^{{tree}}").decode().strip()
            waiting.append((inner, node.object, "", f"{path}/", _nodes(inner.git, inner_tree)))


def _content(path: str, blob: Blob, *, home: Home, allowed: bool) -> Blob:
    """The blob, or the LFS object that it is a pointer to."""
    if blob.size > lfs.LARGEST_POINTER:
        return blob
    text = b"".join(blob.blocks)
    pointer = lfs.pointer(path, text)
    if pointer is None:
        return Blob.of(text)
    if not allowed:
        raise BuildFailed(
            f"{path} is a Git LFS pointer, not the file itself",
            hint="say `lfs: true` under `build:` in deploy.yaml to put in the file",
        )
    return Blob(pointer.size, lfs.content(home.directory, path, pointer))


def _write(git: Git, tree: list[Node], folder: str, made: set[str], content: Callable[[str, Blob], Blob]) -> None:
    links: list[tuple[str, str]] = []
    with tempfile.TemporaryFile() as questions:
        questions.write("".join(f"{node.object}\n" for node in tree).encode())
        questions.seek(0)
        with git.reading(questions, "cat-file", "--batch", "--buffer") as answers:
            for node in tree:
                blob = _blob(answers, node)
                if node.mode == LINK:
                    links.append((node.path, os.fsdecode(b"".join(blob.blocks))))
                else:
                    _write_file(f"{folder}/{node.path}", content(node.path, blob), node.mode == EXECUTABLE, made)
                    for _ in blob.blocks:  # what nobody wanted must still be read
                        pass
                answers.read(1)
    for path, target in links:
        reason = unsafe_link(path, target)
        if reason:
            raise BuildFailed(f"{path}: the commit holds {reason}", hint="make it a relative link that stays inside")
        _make_parents(f"{folder}/{path}", made)
        os.symlink(target, f"{folder}/{path}")


def _blob(answers: IO[bytes], node: Node) -> Blob:
    oid, _, rest = answers.readline().decode().rstrip("\n").partition(" ")
    kind, _, size = rest.partition(" ")
    if oid != node.object or kind != "blob":
        raise lacks(f"{node.object} ({node.path})")
    return Blob(int(size), _blocks(answers, node, int(size)))


def _blocks(answers: IO[bytes], node: Node, left: int) -> Iterator[bytes]:
    while left:
        block = answers.read(min(left, BLOCK))
        if not block:
            raise lacks(f"{node.object} ({node.path})")
        left -= len(block)
        yield block


def _write_file(path: str, blob: Blob, executable: bool, made: set[str]) -> None:  # noqa: FBT001 — private
    _make_parents(path, made)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError as error:
        raise BuildFailed(f"the commit holds {os.path.basename(path)!r} twice in one folder", hint="") from error
    os.fchmod(descriptor, 0o755 if executable else 0o644)  # whatever the caller's umask is
    with durable.naming(path), open(descriptor, "wb", buffering=0) as file:
        for block in blob.blocks:
            view = memoryview(block)
            while view:
                view = view[file.write(view) :]


def _make_parents(path: str, made: set[str]) -> None:
    parent = os.path.dirname(path)
    if parent in made:
        return
    _make_parents(parent, made)
    try:
        os.mkdir(parent)
    except FileExistsError as error:
        raise BuildFailed(
            f"the commit holds a file and a folder named {os.path.basename(parent)!r}", hint=""
        ) from error
    os.chmod(parent, 0o755)  # noqa: S103 — whatever the caller's umask is; the folder above is private
    made.add(parent)
