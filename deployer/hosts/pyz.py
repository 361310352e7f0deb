"""What program does a host run for us?  `core` and `agent` in one zip, the same bytes for the same sources.

It holds bytecode for the Python that made it beside the sources: under the same Python a process starts without
compiling anything, under another one the sources serve.
"""

from __future__ import annotations

import functools
import io
import os
import py_compile
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

from deployer.core.canonical import sha256

PACKAGES = ("core", "agent")
FORMAT = 2  # of the archive: whatever is kept of another one is made anew
START = b"from deployer.agent.__main__ import main\nmain()\n"


_MAKING = threading.Lock()  # many hosts are reached at once


def agent(cache: Path) -> tuple[str, bytes]:
    """The digest and the bytes of agent.pyz: one for the whole command, whatever becomes of the sources meanwhile."""
    with _MAKING:
        return _agent(cache)


@functools.cache
def _agent(cache: Path) -> tuple[str, bytes]:
    """Kept in `cache`, since compiling it takes a quarter of a second."""
    sources = _sources()
    key = sha256(b"\0".join(part for name in sorted(sources) for part in (name.encode(), sources[name])))
    kept = cache / f"agent-{FORMAT}-{key[:32]}-{sys.implementation.cache_tag}.pyz"
    try:
        content = kept.read_bytes()
    except FileNotFoundError:
        content = _zip(sources)
        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f".{kept.name}.{os.getpid()}"
        part.write_bytes(content)
        part.rename(kept)
    return sha256(content), content


def _sources() -> dict[str, bytes]:
    root = Path(__file__).parent.parent
    found = {"deployer/__init__.py": b"", "__main__.py": START}
    for package in PACKAGES:
        for path in sorted((root / package).glob("*.py")):
            found[f"deployer/{package}/{path.name}"] = path.read_bytes()
    return found


def _zip(sources: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(sources):
            _add(archive, name, sources[name], zipfile.ZIP_DEFLATED)
            if name != "__main__.py":  # read on every start, on every host: there it costs time, the room costs nothing
                _add(archive, f"{name}c", _compiled(name, sources[name]), zipfile.ZIP_STORED)
    return made.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes, how: int) -> None:
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.external_attr = 0o644 << 16
    member.compress_type = how
    archive.writestr(member, content)


def _compiled(name: str, source: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "source.py")
        path.write_bytes(source)
        made = py_compile.compile(
            str(path),
            cfile=f"{folder}/made.pyc",
            dfile=name,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return Path(str(made)).read_bytes()
