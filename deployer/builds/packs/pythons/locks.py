"""Which file of a commit decides which Python packages are installed?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

KINDS = {
    "uv.lock": "uv",
    "pylock.toml": "pylock",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
    "requirements.txt": "requirements",
}
UNLOCKED = {"pyproject.toml": "pyproject", "setup.py": "setup"}
_NAMED_PYLOCK = re.compile(r"pylock\.[^./]+\.toml\Z")


@dataclass(frozen=True)
class Lock:
    """The file that decides: its `kind` (`uv`, `pylock`, … `requirements`, `pyproject`, `setup`) and `path`."""

    kind: str
    path: str


def is_python(paths: frozenset[str]) -> bool:
    """Whether a commit with these paths is a Python app."""
    if paths & set(KINDS) or any(_NAMED_PYLOCK.match(path) for path in paths):
        return True
    return bool(paths & set(UNLOCKED)) and "package.json" not in paths  # many a Node project keeps a pyproject.toml


def deciding(paths: Iterable[str], recipe: Recipe) -> Lock:
    """The lock file of a commit with these top-level paths; `BuildFailed` where it is missing or not alone."""
    here = set(paths)
    if recipe.python.lock:
        return Lock(kind_of(recipe.python.lock), recipe.python.lock)
    found = [name for name in KINDS if name in here]
    if len(found) > 1:
        raise BuildFailed(
            f"{' and '.join(found)}: more than one lock file, and they may disagree",
            hint=f"delete all but one, or choose: `build: {{python: {{lock: {found[0]}}}}}` in deploy.yaml",
        )
    if found:
        return Lock(KINDS[found[0]], found[0])
    named = sorted(name for name in here if _NAMED_PYLOCK.match(name))
    if named:
        raise BuildFailed(
            f"there is {', '.join(named)}, but no pylock.toml",
            hint=f"choose: `build: {{python: {{lock: {named[0]}}}}}` in deploy.yaml",
        )
    if "Pipfile" in here:
        raise BuildFailed("there is a Pipfile, but no Pipfile.lock", hint="`pipenv lock`, and commit it")
    for name, kind in UNLOCKED.items():
        if name in here:
            return Lock(kind, name)
    raise BuildFailed(
        "nothing says which Python packages to install",
        hint="commit a uv.lock (`uv lock`) or a requirements.txt; an empty one will do",
    )


def kind_of(path: str) -> str:
    """The kind of a lock file that deploy.yaml names."""
    name = path.rsplit("/", 1)[-1]
    if name in KINDS:
        return KINDS[name]
    if _NAMED_PYLOCK.match(name):
        return "pylock"
    if name.endswith((".txt", ".in")):
        return "requirements"
    if name in UNLOCKED:
        return UNLOCKED[name]
    raise BuildFailed(
        f"deploy.yaml: build.python.lock: {path} is no lock file that we know",
        hint=f"one of {', '.join(KINDS)}, pylock.NAME.toml, or a requirements file that ends in .txt",
    )
