"""What is not found in a tree that was moved?  Run there by the app's own interpreter: `moved_script.py SITES`.

It says one line for each thing that is not there, and ends with 1 then.  Python itself passes over a `.pth` that leads
nowhere without a word.
"""

from __future__ import annotations

import glob
import importlib.util
import os
import sys
from collections.abc import Iterator


def problems(sites: str) -> Iterator[str]:
    """A line for each path or module that is not there."""
    for pth in sorted(glob.glob(os.path.join(sites, "*.pth"))):
        folder, name = os.path.split(pth)
        with open(pth, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file]
        for line in lines:
            if not line or line.startswith("#"):
                continue
            if line.startswith(("import ", "import\t")):
                try:
                    exec(line, {})  # noqa: S102 - as Python itself does at each start
                except Exception as error:  # noqa: BLE001 - the code of a package
                    yield f"{name}: {type(error).__name__}: {error}"
            elif os.path.isabs(line) or not os.path.exists(os.path.join(folder, line)):
                yield f"{name} names {line}, which is not in the build"
    for name, module in list(sys.modules.items()):
        for package, path in getattr(module, "MAPPING", {}).items() if name.startswith("__editable__") else ():
            if importlib.util.find_spec(package) is None or not os.path.exists(_with_suffix(path)):
                yield f"{package} is not found: {name} names {path}"


def _with_suffix(path: str) -> str:
    return path if os.path.exists(path) else f"{path}.py"


FOUND = list(problems(sys.argv[1]))
for _problem in FOUND:
    sys.stdout.write(f"{_problem}\n")
sys.exit(1 if FOUND else 0)
