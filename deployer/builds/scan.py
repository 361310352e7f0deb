"""What does a finished tree consist of, and may it be shipped?

Only what a build can hold comes out: files (their content's digest, and whether their owner may execute them) and
links that stay inside.  Times, owners and all other mode bits are dropped; devices, pipes, sockets and set-uid files
are refused by name.  Strings and not Path objects, for a tree has tens of thousands of files.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence

from deployer.agent.objects import Objects, is_frozen
from deployer.core.errors import BuildFailed
from deployer.core.manifest import Entry, File, Link, unsafe_link, unsafe_path

BLOCK = 1024 * 1024
CHUNK = 200
KINDS = {stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def scan(tree: str, *, exclude: Sequence[str] = (), links: Sequence[str] = ()) -> list[Entry]:
    """The entries of `tree`, less what `exclude` matches and less `links`, which every host makes for itself."""
    return scan_for((), tree, exclude=exclude, links=links)[0]


def scan_for(
    places: Sequence[bytes], tree: str, *, exclude: Sequence[str] = (), links: Sequence[str] = ()
) -> tuple[list[Entry], list[str]]:
    """The same, and the paths of the files in which one of `places` stands: found while they are read anyway."""
    excluded = matcher(exclude)
    found: list[Entry] = []
    files: list[tuple[str, os.stat_result]] = []
    for path, entry in _walk(tree, "", excluded):
        status = entry.stat(follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        if path in links and not stat.S_ISREG(kind):
            continue
        reason = unsafe_path(path)
        if kind == stat.S_IFLNK:
            target = os.readlink(entry.path)
            reason = reason or unsafe_link(path, target)
            found.append(Link(path, target))
        elif kind != stat.S_IFREG:
            reason = KINDS.get(kind, "neither a file nor a link")
        elif status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            reason = "has the set-user-id or set-group-id bit"
        else:
            files.append((path, status))
        if reason:
            raise BuildFailed(
                f"the build holds {path!r}: {reason}",
                hint="a command of the build made it; remove it there, or name it under `build.exclude`",
            )
    digested = _digested(tree, files, places)
    return [*found, *(file for file, _ in digested)], [file.path for file, names in digested if names]


def adopt(tree: str, entries: Sequence[Entry], objects: Objects) -> None:
    """Move the tree's contents into the store.  The caller has brought them to the disk: a name means content."""
    done: set[str] = set()
    for entry in entries:
        if isinstance(entry, File):
            stored = objects.path(entry)
            if stored not in done and not objects.has(entry):
                _adopt(f"{tree}/{entry.path}", entry, objects)
            done.add(stored)


_COPY = ".deployer-copy"


def _adopt(path: str, file: File, objects: Objects) -> None:
    status = os.lstat(path)
    if status.st_nlink == 1:
        objects.adopt(path, file)
    elif is_frozen(status):
        objects.share(path, file)
    else:  # shared with a package tool's cache: that one is not ours to freeze
        shutil.copyfile(path, f"{path}{_COPY}", follow_symlinks=False)
        objects.adopt(f"{path}{_COPY}", file)


def matcher(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """What matches the paths that glob patterns name: `docs`, `*.map` at any depth, `web/src` and `**/t/*` by path."""
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{_regex(pattern)})" for pattern in patterns))


def _regex(pattern: str) -> str:
    anchored = "/" in pattern.rstrip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return ("" if anchored else "(?:.*/)?") + "".join(meaning.get(part, re.escape(part)) for part in parts) + r"\Z"


def _walk(tree: str, below: str, excluded: re.Pattern[str] | None) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(f"{tree}/{below}") as folder:
        for entry in folder:
            path = f"{below}{entry.name}"
            try:
                path.encode()
            except UnicodeEncodeError as error:
                raise BuildFailed(f"the build holds {path!r}: the name is not UTF-8", hint="") from error
            if excluded and excluded.match(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(tree, f"{path}/", excluded)
            else:
                yield path, entry


def _digested(tree: str, files: list[tuple[str, os.stat_result]], places: Sequence[bytes]) -> list[tuple[File, bool]]:
    """The files with their digests: hashing and reading free the interpreter's lock, so threads help."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 — a cache hit comes without it

    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return [
            file
            for digested in pool.map(
                lambda chunk: [_file(tree, path, status, places) for path, status in chunk], chunks
            )
            for file in digested
        ]


def _file(tree: str, path: str, status: os.stat_result, places: Sequence[bytes]) -> tuple[File, bool]:
    """The file with its digest, and whether one of `places` stands in it."""
    digest, size, names, before = hashlib.sha256(), 0, False, b""
    longest = max(map(len, places), default=0)
    with open(_readable(f"{tree}/{path}"), "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            if places and not names:
                whole = before + block if before else block  # a name may lie across two blocks
                names = any(place in whole for place in places)
                before = block[-longest:]
    return File(path, digest.hexdigest(), size, bool(status.st_mode & stat.S_IXUSR)), names


def _readable(path: str) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except PermissionError:  # the tree is ours; a mode of 0 is no reason to fail
        os.chmod(path, 0o600)
        return os.open(path, flags)
