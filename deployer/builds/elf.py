"""Which GNU C library do the binaries of a tree need?  Read from the version table of each ELF file."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

from deployer.core.interpreter import version_key

VERNEED = 0x6FFFFFFE  # SHT_GNU_verneed
_NEEDED = re.compile(rb"GLIBC_(\d+\.\d+(?:\.\d+)?)\0")
_LIBRARY = re.compile(r".*(?:\.so(?:\.[\d.]+)?|\.node)\Z")


def glibc_of(tree: Path) -> str:
    """The oldest GNU C library that every library and program below `tree` runs with (`2.28`); '' for any."""
    needed = {version for path in _binaries(str(tree)) for version in _versions(path)}
    return max(needed, key=version_key, default="")


def newer(one: str, other: str) -> str:
    """The later of two versions, either of which may be ''."""
    return max(one, other, key=version_key)


def _binaries(tree: str) -> list[str]:
    found = []
    for folder, _, names in os.walk(tree):
        programs = os.path.basename(folder) in ("bin", ".bin")
        paths = (f"{folder}/{name}" for name in names if programs or _LIBRARY.match(name))
        found += [path for path in paths if not os.path.islink(path)]
    return found


def _versions(path: str) -> set[str]:
    """The versions of the C library that one file names; none where it is no 64-bit ELF file, or a static one."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if head[:6] != b"\x7fELF\x02\x01":
                return set()
            start, count, size = (*struct.unpack_from("<Q", head, 40), *struct.unpack_from("<HH", head, 60)[:1],
                                  struct.unpack_from("<H", head, 58)[0])  # fmt: skip
            file.seek(start)
            table = file.read(count * size)
            sections = [struct.unpack_from("<IIQQQQII", table, at) for at in range(0, len(table) - 47, size)]
            strings = [sections[section[6]] for section in sections if section[1] == VERNEED]
            for _, _, _, _, offset, length, *_ in strings:
                file.seek(offset)
                return {match.decode() for match in _NEEDED.findall(file.read(length))}
    except (OSError, struct.error, IndexError):
        return set()  # damaged, or nothing that we know: a start of the app judges it
    return set()
