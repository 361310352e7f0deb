"""Which Python does a commit ask for, and which of those found here is it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.agent.interpreters import Interpreter, version_key
from deployer.builds.packs.pythons import lock_python
from deployer.builds.packs.pythons.project import project_table, read_toml
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

OLDEST = ">=3.9"
NOTHING = "nothing"
_CLAUSE = re.compile(r"(===|==|!=|~=|<=|>=|<|>|\^|~)?\s*v?(\d+(?:\.\d+)*)(\.\*)?(?:[a-z]+\d*)?\Z")


@dataclass(frozen=True)
class Wish:
    """The Python that is asked for: `spec` as in `requires-python`, `source` is who asks."""

    spec: str
    source: str


def wish(tree: Path, recipe: Recipe) -> Wish:
    """The first that says something, and what the lock file was made for, which has to fit in any case."""
    first = _first(tree, recipe)
    spec, source = lock_python.asked(tree, recipe)
    if not spec or spec in first.spec:
        return first
    if first.source == NOTHING:
        return Wish(f"{spec},{OLDEST}", source)
    return Wish(f"{first.spec},{spec}", f"{first.source} and {source}")


def _first(tree: Path, recipe: Recipe) -> Wish:
    """The first that says something: deploy.yaml, `.python-version`, `runtime.txt`, `requires-python`."""
    if recipe.python.version:
        return Wish(_pinned(recipe.python.version, "deploy.yaml: build.python.version"), "deploy.yaml")
    for name in (".python-version", "runtime.txt"):
        if (tree / name).is_file():
            lines = (tree / name).read_text(errors="replace").splitlines()
            words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
            if words:
                return Wish(_pinned(words[0], name), name)
    if (tree / "pyproject.toml").is_file():
        pyproject = read_toml(tree / "pyproject.toml")
        requires = project_table(pyproject).get("requires-python")
        poetry = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
        for spec, key in ((requires, "requires-python"), (poetry, "tool.poetry.dependencies.python")):
            if isinstance(spec, str) and spec.strip():
                return Wish(f"{spec},{OLDEST}", f"pyproject.toml: {key}")
    return Wish(OLDEST, NOTHING)


def chosen(wanted: Wish, here: Sequence[Interpreter]) -> Interpreter:
    """The newest interpreter of `here` that fits; `BuildFailed` says what there is."""
    clauses = [clause for clause in re.split(r"[,\s]+(?=[<>=!~^\d])|,", wanted.spec) if clause.strip()]
    fitting = [one for one in here if all(allows(clause, one.version, wanted.source) for clause in clauses)]
    final = [one for one in fitting if version_key(one.version)[1]]
    if final or fitting:
        return (final or fitting)[0]
    versions = ", ".join(dict.fromkeys(one.version for one in here)) or "none"
    raise BuildFailed(
        f"{wanted.source} asks for Python {wanted.spec.removesuffix(',' + OLDEST)}; this machine has {versions}",
        hint="install it (`uv python install`, pyenv or the system's packages), or choose one of these by "
        "`build.python.version` in deploy.yaml; the hosts need the same one",
    )


def allows(clause: str, version: str, source: str) -> bool:
    """Whether `version` (`3.11.7`) satisfies one clause of a specifier (`>=3.9`, `~=3.11.2`, `3.11.*`, `^3.10`)."""
    match = _CLAUSE.match(clause.strip())
    if not match:
        raise BuildFailed(f"{source}: {clause.strip()!r} is no version of Python", hint="say `3.12` or `>=3.10`")
    operator, digits, star = match.group(1) or "==", match.group(2), match.group(3)
    wanted, found = _numbers(digits), _numbers(version)
    prefix = found[: len(wanted)] == wanted
    if operator in ("==", "===", "!="):
        equal = prefix if star or operator == "==" else _padded(found) == _padded(wanted)
        return equal != (operator == "!=")
    if operator in ("~=", "^", "~"):
        fixed = 1 if operator == "^" else max(1, len(wanted) - 1) if operator == "~=" else min(2, len(wanted))
        return found >= wanted and found[:fixed] == wanted[:fixed]
    left, right = _padded(found), _padded(wanted)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def _pinned(text: str, source: str) -> str:
    match = re.match(r"(?:cpython[-@]|python-)?(3(?:\.\d+){1,2})\Z", text.strip(), re.IGNORECASE)
    if not match:
        raise BuildFailed(f"{source}: {text.strip()!r} is no version of CPython", hint="say `3.12` or `3.12.4`")
    return f"=={match.group(1)}"


def _numbers(version: str) -> tuple[int, ...]:
    return version_key(version)[0]


def _padded(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return (*numbers, 0, 0, 0)[:3]
