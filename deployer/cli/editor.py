"""How does the user edit text that is secret?  In their own editor, on a file that nobody else can read.

The file lies in a folder of its own in memory (`$XDG_RUNTIME_DIR`, `/dev/shm`) where the machine has one, with all
that an editor puts beside it, and the folder goes away whatever happens, short of SIGKILL.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployer.core.errors import UsageError

DEFAULT = "vi"


def edited(text: str, *, environ: Mapping[str, str], terminal: bool, name: str) -> str:
    """What the user makes of `text`; `UsageError` if the editor cannot be started or gives up."""
    editor = environ.get("VISUAL") or environ.get("EDITOR") or (DEFAULT if terminal else "")
    if not editor:
        raise UsageError("there is no terminal to edit on, and $EDITOR is not set", hint="use `deploy config import`")
    with _private_folder(environ) as folder:
        path = folder / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        code = _run(["sh", "-c", f'{editor} "$@"', editor, str(path)])  # $EDITOR may hold options, as git reads it
        if code != 0:
            raise UsageError(f"the editor ({editor}) ended with code {code}; nothing was changed", hint="")
        return path.read_bytes().decode("utf-8", "surrogateescape")


def _run(command: list[str]) -> int:
    def leave_to_the_editor(_number: int, _frame: object) -> None:
        """Ctrl-C is a key of the editor's; a handler, unlike SIG_IGN, is not inherited by it."""

    before = signal.signal(signal.SIGINT, leave_to_the_editor)
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _private_folder(environ: Mapping[str, str]) -> Iterator[Path]:
    places = [environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"]  # noqa: S108 - the folder made in it is 0700
    place = next((p for p in places if p and os.access(p, os.W_OK | os.X_OK)), None)
    folder = Path(tempfile.mkdtemp(prefix="deploy-config-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
