"""What is in a built tree, told so that two can be compared."""

import hashlib
import os
from pathlib import Path


def digests(tree: Path) -> dict[str, str]:
    """Path to what is there: a link's target, or whether it may be executed and the digest of a file."""
    found = {}
    for folder, folders, files in os.walk(tree):
        for name in (*files, *(f for f in folders if os.path.islink(os.path.join(folder, f)))):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                content = os.readlink(path)
            else:
                content = f"{os.stat(path).st_mode & 0o100} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
            found[os.path.relpath(path, tree)] = content
    return found


def holding(tree: Path, text: str) -> list[str]:
    """The files and links in which `text` stands."""
    found = []
    for path in digests(tree):
        full = tree / path
        content = os.readlink(full).encode() if full.is_symlink() else full.read_bytes()
        if text.encode() in content:
            found.append(path)
    return found
