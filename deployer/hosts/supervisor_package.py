"""What is sent to a host so that it can run supervisord?  A zip archive of the installed supervisor, pure Python.

The same installation gives the same bytes, so the archive is named by its digest and sent once.
"""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

OURS = {  # beside supervisor's own code, by the names there
    "__main__.py": "supervisord_main.py",
    "deployer/__init__.py": "",
    "deployer/hosts/__init__.py": "",
    "deployer/hosts/supervisord_loop.py": "supervisord_loop.py",
}
LEFT_OUT = ("tests", "skel", "scripts", "ui", "__pycache__")
EPOCH = (1980, 1, 1, 0, 0, 0)
SHORT = 12


@functools.cache
def archive() -> bytes:
    """The archive: `supervisor/`, its licence, the `__main__.py` that starts it, and what that imports of ours."""
    from importlib.metadata import distribution  # noqa: PLC0415 - only when something has to be sent

    content = _ours()
    for entry in distribution("supervisor").files or ():
        licence = entry.parent.name.endswith(".dist-info") and entry.name.startswith(("LICENSE", "COPYRIGHT"))
        code = entry.parts[0] == "supervisor" and not set(entry.parts) & set(LEFT_OUT)
        if licence or (code and entry.suffix in (".py", ".txt")):
            name = f"supervisor/{entry.name}" if licence else entry.as_posix()
            content[name] = Path(str(entry.locate())).read_bytes()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, body in sorted(content.items()):
            header = zipfile.ZipInfo(name, EPOCH)
            header.external_attr, header.create_system = 0o100644 << 16, 3
            header.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(header, body)
    return made.getvalue()


def digest() -> str:
    """The sha256 of the archive."""
    return hashlib.sha256(archive()).hexdigest()


def tool() -> str:
    """The name below a host's `agent/` of what the archive unpacks to: supervisor's version, and our part's digest.

    Asked at every release, so it must not cost what the archive costs.
    """
    spec = find_spec("supervisor")
    version = "none" if spec is None else Path(str(spec.origin)).with_name("version.txt").read_text().strip()
    ours = b"".join(body for _, body in sorted(_ours().items()))
    return f"supervisor-{version}-{hashlib.sha256(ours).hexdigest()[:SHORT]}"


def _ours() -> dict[str, bytes]:
    here = Path(__file__)
    return {name: here.with_name(source).read_bytes() if source else b"" for name, source in OURS.items()}
