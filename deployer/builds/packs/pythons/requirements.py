"""What does a requirements file say of itself: is it locked, and does it lead into the tree?"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.core.errors import BuildFailed

_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)(?:\s+|=)(\S+)")
_LOCAL = re.compile(r"(?:-e|--editable)\b|\.{0,2}/|\.(?:\[|\s|$)|file:|[^#;]*@\s*(?:file:|\.{0,2}/)")
_WHEEL = re.compile(r"(?!.*://)\S+\.(?:whl|tar\.gz|zip)\b")


@dataclass(frozen=True)
class Requirements:
    """A requirements file and all that it includes.

    `text` is all of it; `hashed` if every requirement has a hash; `local` if one of them is a path.
    """

    text: str
    hashed: bool
    local: bool


def read(tree: Path, path: str) -> Requirements:
    """The requirements file at `path` in `tree`; `BuildFailed` if it, or one it includes, is not there."""
    lines = list(_lines(tree, path, set()))
    asked = [line for line in lines if not line.startswith("-") or line.startswith(("-e", "--editable"))]
    return Requirements(
        text="\n".join(lines),
        hashed=bool(asked) and all("--hash=" in line for line in asked),
        local=any(_LOCAL.match(line) or _WHEEL.match(line) for line in asked),
    )


def of(lines: list[str]) -> Requirements:
    """The same of lines that a converter wrote."""
    hashed = all("--hash=" in line for line in lines if not line.startswith("-"))
    return Requirements("\n".join(lines), hashed=hashed, local=any(_LOCAL.match(line) for line in lines))


def _lines(tree: Path, path: str, seen: set[str]) -> Iterator[str]:
    """The logical lines of a file and of those it includes, without comments."""
    path = posixpath.normpath(path)
    if path in seen:
        return
    seen.add(path)
    inside = not posixpath.isabs(path) and path != ".." and not path.startswith("../")
    if not inside or not os.path.isfile(tree / path):
        raise BuildFailed(f"{path} is not in the commit", hint="`git add` it, or mend `build.python.lock`")
    text = (tree / path).read_text(encoding="utf-8-sig", errors="replace")
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        include = _INCLUDE.match(line)
        if line:
            yield line
        if include and "://" not in include.group(1):
            yield from _lines(tree, posixpath.join(posixpath.dirname(path), include.group(1)), seen)
