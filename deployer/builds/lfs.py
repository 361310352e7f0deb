"""Which file does a Git LFS pointer stand for, and is it here?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployer.core.errors import BuildFailed

FIRST_LINE = b"version https://git-lfs.github.com/spec/v1\n"
LARGEST_POINTER = 1024
BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Pointer:
    """What stands in the repository in place of a large file."""

    sha256: str
    size: int


def pointer(path: str, text: bytes) -> Pointer | None:
    """The pointer that `text` is, or None for any other content."""
    if not text.startswith(FIRST_LINE):
        return None
    oid = re.search(rb"^oid sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    size = re.search(rb"^size (\d{1,18})$", text, re.MULTILINE)
    if not oid or not size:
        raise BuildFailed(f"{path} is a broken Git LFS pointer", hint="commit the file again, through Git LFS")
    return Pointer(oid.group(1).decode(), int(size.group(1)))


def content(common_dir: str, path: str, wanted: Pointer) -> Iterator[bytes]:
    """The file's blocks from the repository's own LFS store; `BuildFailed` if it is missing or damaged."""
    oid = wanted.sha256
    stored = f"{common_dir}/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"
    digest, size = hashlib.sha256(), 0
    try:
        file = open(stored, "rb")  # noqa: SIM115 — opened apart from its reading, so that only this is "missing"
    except FileNotFoundError as error:
        raise BuildFailed(f"{path}: its Git LFS object is not here", hint="`git lfs fetch` brings it") from error
    with file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            yield block
    if digest.hexdigest() != oid or size != wanted.size:
        raise BuildFailed(
            f"{path}: its Git LFS object is damaged",
            hint=f"remove {stored}, then `git lfs fetch`",
        )
