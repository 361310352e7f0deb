"""paramiko without half of the price of its import.

For `Match exec` in an ssh configuration, and nothing else, it imports invoke where that is installed: a tenth of a
second of every command.  `load` goes before any other import of paramiko; a shell then does what invoke would do, and
unlike it leaves our stdin alone.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

NAME = "invoke"


def load() -> None:
    """Import paramiko, with `Match exec` run by a shell."""
    if "paramiko" not in sys.modules and NAME not in sys.modules:
        cast("dict[str, Any]", sys.modules)[NAME] = None  # what the import system takes for: it is not installed
        try:
            import_module("paramiko")
        finally:
            del sys.modules[NAME]
    config: Any = import_module("paramiko.config")
    config.invoke = SimpleNamespace(run=_run)


def _run(command: str, **_: object) -> SimpleNamespace:
    """Whether the command of a `Match exec` succeeds, as ssh_config(5) has it: by the user's own words, in a shell."""
    done = subprocess.run(  # noqa: S602 - the user's configuration says so
        command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
    )
    return SimpleNamespace(ok=done.returncode == 0)
