"""Which Python does a commit ask for, and which of those found here is it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.builds.packs.pythons import lock_python
from deployer.builds.packs.pythons.project import project_table, read_toml
from deployer.core.errors import BuildFailed
from deployer.core.interpreter import Interpreter, version_key
from deployer.core.recipe import Recipe

OLDEST = ">=3.9"
NOTHING = "nothing"
_CLAUSE = re.compile(r"(===|==|!=|~=|<=|>=|<|>|\^|~)?\s*v?(\d+(?:\.\d+)*)(\.\*)?(?:[a-z]+\d*)?\Z")


@dataclass(frozen=True)
class Wish:
    """The Python that is asked for: `spec` as in `requires-python`, `source` is who asks.

    `hosts` is what it asks of the hosts, where that is less: a version that a file pins is the one that builds, and a
    host may have another patch level of it.
    """

    spec: str
    source: str
    hosts: str = ""

    def allows(self, version: str) -> bool:
        """Whether the app may be built with `version`."""
        return _within(self.spec, version, self.source)

    def allows_host(self, version: str) -> bool:
        """Whether a host with `version` may run the app."""
        return _within(self.hosts or self.spec, version, self.source)


def wish(tree: Path, recipe: Recipe) -> Wish:
    """The first that says something, and what the lock file was made for, which has to fit in any case."""
    first = _first(tree, recipe)
    spec, source = lock_python.asked(tree, recipe)
    if not spec or spec in first.spec:
        return first
    hosts = first.hosts or first.spec
    if "==" not in spec:  # a range: a version that is pinned is for the build
        hosts += f",{spec}"
    if first.source == NOTHING:
        return Wish(f"{spec},{OLDEST}", source, hosts)
    return Wish(f"{first.spec},{spec}", f"{first.source} and {source}", hosts)


def _first(tree: Path, recipe: Recipe) -> Wish:
    """The first that says something: deploy.yaml, `.python-version`, `runtime.txt`, `requires-python`."""
    if recipe.python.version:
        pin = _pinned(recipe.python.version, "deploy.yaml: build.python.version")
        return Wish(pin, "deploy.yaml", _requires(tree)[0])
    for name in (".python-version", "runtime.txt"):
        if (tree / name).is_file():
            lines = (tree / name).read_text(errors="replace").splitlines()
            words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
            if words:
                return Wish(_pinned(words[0], name), name, _requires(tree)[0])
    return Wish(*_requires(tree))


def _requires(tree: Path) -> tuple[str, str]:
    """The range that pyproject.toml gives, and where."""
    if (tree / "pyproject.toml").is_file():
        pyproject = read_toml(tree / "pyproject.toml")
        requires = project_table(pyproject).get("requires-python")
        poetry = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
        for spec, key in ((requires, "requires-python"), (poetry, "tool.poetry.dependencies.python")):
            if isinstance(spec, str) and spec.strip():
                return f"{spec},{OLDEST}", f"pyproject.toml: {key}"
    return OLDEST, NOTHING


def _within(spec: str, version: str, source: str) -> bool:
    clauses = [clause for clause in re.split(r"[,\s]+(?=[<>=!~^\d])|,", spec) if clause.strip()]
    return all(allows(clause, version, source) for clause in clauses)


def fitting_ones(wanted: Wish, here: Sequence[Interpreter]) -> list[Interpreter]:
    """The interpreters of `here` that fit, the newest one that is no release candidate first."""
    fitting = [one for one in here if wanted.allows(one.version)]
    return sorted(fitting, key=lambda one: not version_key(one.version)[1])  # stable: newest first within both


def candidates(wanted: Wish, here: Sequence[Interpreter]) -> list[Interpreter]:
    """The interpreters of `here` that fit, the best first: the newest one that is no release candidate.

    `BuildFailed` says what there is where none fits.
    """
    fitting = fitting_ones(wanted, here)
    if fitting:
        return fitting
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
