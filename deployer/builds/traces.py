"""Traces of the place where a build was made: which of them would break it on a host?

No host has the build's folder.  What is executed or read at a start (shebangs, `.pth` files, a venv's settings, the
library path of a binary, configuration and modules that a command of the build wrote) must not name it, and is refused;
in other text it is told once; names of source files in binaries, maps and caches are for debuggers and harm nobody.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deployer.core.errors import BuildFailed

FIRST = 4096  # bytes of a file in which a shebang stands
LARGEST = 64 * 1024 * 1024  # bytes of a binary that is looked into
SHOWN = 5
MADE = re.compile(  # by package tools and bundlers, which keep places for messages and debuggers, and go on without
    r"(?:.*/)?(?:node_modules|\.next|\.nuxt|\.output|\.svelte-kit|\.turbo|\.angular|\.parcel-cache|target|CMakeFiles|"
    r"[^/]*\.dist-info|[^/]*\.egg-info|__pycache__)/"
)
SITE = re.compile(r"(?:.*/)?(?:site-packages|dist-packages)/")
STARTED = re.compile(r"(?:.*/)?(?:site-packages|dist-packages)/(?:[^/]*\.(?:pth|egg-link)|[^/]*editable[^/]*\.py)\Z")
CONFIGURATION = re.compile(r"(?:.*/)?(?:\.env(?:\.[^/]*)?|[^/]*\.(?:env|ini|cfg|conf|toml|ya?ml|service|py))\Z")
SILENT = re.compile(r".*(?:\.(?:map|pyc|pyo|o|a|d|log|gypi|mk|cmake|tsbuildinfo|la|pc|prl)|Makefile|CMakeCache\.txt)\Z")
ELF = b"\x7fELF"
PATHS, STRINGS, LOAD, DYNAMIC = (15, 29), 5, 1, 2


@dataclass(frozen=True)
class Trace:
    """A file of the build that names the place; `why` it matters, '' where that is only told."""

    path: str
    why: str


def places(folder: str, cache: object) -> tuple[bytes, ...]:
    """How a file names the place: the workshop by its own name, which nothing else has, and the pack's cache."""
    return os.fsencode(os.path.basename(folder)), os.fsencode(f"{cache}/")


def check(tree: str, paths: Iterable[str], places: Sequence[bytes]) -> list[str]:
    """Refuse files that would not work on a host; what to tell about the others."""
    found = [trace for path in paths for place in places if (trace := judge(tree, path, place))]
    refused = {trace.path: trace for trace in found if trace.why}
    if refused:
        first = next(iter(refused.values()))
        raise BuildFailed(
            f"the build names the folder where it was made, which no host has: {shown(refused)} ({first.why})",
            hint=f"let the command that writes {first.path} write a relative path, or `exclude: [{first.path}]` under "
            "`build:` in deploy.yaml",
        )
    others = {trace.path for trace in found}
    told = f"{shown(others)}: the folder where the build was made is named here, and no host has it"
    return [told] if others else []


def judge(tree: str, path: str, place: bytes) -> Trace | None:
    """What the place's name in the file `path` means; None where it harms nobody."""
    with open(f"{tree}/{path}", "rb") as file:
        head = file.read(FIRST)
        first, second, *_ = [*head.split(b"\n", 2), b""]
        if head.startswith(ELF):
            found = place in _library_path(head + file.read(LARGEST))
            return Trace(path, "its library path (RPATH) leads there") if found else None
    if second.startswith(b"'''exec'"):  # where the interpreter's path is too long for a first line
        first += second
    if first.startswith(b"#!") and place in first:
        return Trace(path, "its first line names a program there")
    if STARTED.match(path):
        return Trace(path, "it is read at each start of Python")
    if os.path.basename(path) == "pyvenv.cfg":
        text = _text(tree, path)
        lines = [line for line in text.split(b"\n") if line.startswith(b"home")]
        return Trace(path, "a virtual environment that cannot be moved") if any(place in x for x in lines) else None
    if SILENT.match(path) or MADE.match(path) or SITE.match(path) or b"\0" in head:
        return None
    return Trace(path, "a module or settings that name it" if CONFIGURATION.match(path) else "")


def _text(tree: str, path: str) -> bytes:
    with open(f"{tree}/{path}", "rb") as file:
        return file.read(LARGEST)


def shown(paths: Iterable[str]) -> str:
    """The first few of these paths."""
    names = sorted(paths)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _library_path(content: bytes) -> bytes:
    """RPATH and RUNPATH of an ELF file; empty where it has none or is no whole one."""
    try:
        return b"\0".join(_dynamic_strings(content))
    except (struct.error, IndexError, ValueError):
        return b""


def _dynamic_strings(content: bytes) -> list[bytes]:
    wide, order = content[4] == 2, "<" if content[5] == 1 else ">"
    word = "Q" if wide else "I"
    table = struct.unpack_from(order + word, content, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", content, 54 if wide else 42)
    segments = []
    for number in range(count):
        at = table + number * size
        kind = struct.unpack_from(order + "I", content, at)[0]
        if wide:
            offset, address, _, length = struct.unpack_from(order + "QQQQ", content, at + 8)
        else:
            offset, address, _, length = struct.unpack_from(order + "IIII", content, at + 4)
        segments.append((kind, offset, address, length))
    entries = []
    for kind, offset, _, length in segments:
        if kind == DYNAMIC:
            step = struct.calcsize(order + word * 2)
            entries = [struct.unpack_from(order + word * 2, content, at) for at in range(offset, offset + length, step)]
    strings = next((value for tag, value in entries if tag == STRINGS), None)
    for kind, offset, address, length in segments:
        if strings is not None and kind == LOAD and address <= strings < address + length:
            start = offset + strings - address
            wanted = [start + value for tag, value in entries if tag in PATHS]
            return [content[at : content.index(b"\0", at)] for at in wanted]
    return []
