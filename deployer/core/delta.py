"""How does a long text cross the line that differs little from one that is there already?  By its new lines alone."""

from __future__ import annotations

import json
import zlib
from typing import Any

LARGEST = 512 * 1024 * 1024


class BadDelta(ValueError):
    """Not a delta, or not one against this base."""


def make(base: bytes, text: bytes) -> bytes:
    """`text` as new lines and ranges of lines of `base`, compressed; `apply(base, ...)` gives `text` again."""
    places = {line: number for number, line in enumerate(base.split(b"\n"))}
    parts: list[Any] = []
    for line in text.split(b"\n"):
        place = places.get(line)
        if place is None:
            parts.append(line.decode("latin-1"))
        elif parts and isinstance(parts[-1], list) and sum(parts[-1]) == place:
            parts[-1][1] += 1
        else:
            parts.append([place, 1])
    return zlib.compress(json.dumps(parts, separators=(",", ":")).encode(), 6)


def apply(base: bytes, delta: bytes) -> bytes:
    """The text that `make` saw; `BadDelta` for what cannot be one."""
    lines, made, size = base.split(b"\n"), [], 0
    for part in _parts(delta):
        if isinstance(part, str):
            found = [part.encode("latin-1", "replace")]
        elif isinstance(part, list) and len(part) == 2 and all(isinstance(n, int) and n >= 0 for n in part):
            found = lines[part[0] : part[0] + part[1]]
        else:
            raise BadDelta("neither a line nor a range of lines")
        size += sum(map(len, found)) + len(found)
        if size > LARGEST:
            raise BadDelta("too long")
        made += found
    return b"\n".join(made)


def _parts(delta: bytes) -> list[Any]:
    try:
        inflate = zlib.decompressobj()
        parts = json.loads(inflate.decompress(delta, LARGEST))
    except (zlib.error, ValueError, RecursionError) as error:
        raise BadDelta(str(error)) from error
    if not isinstance(parts, list):
        raise BadDelta("not a list")
    return parts
