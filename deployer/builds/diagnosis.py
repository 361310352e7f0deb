"""Diagnosis of a failed build: the likely cause and the line to write, by what its commands printed last."""

from __future__ import annotations

import os
import re
from pathlib import Path

from deployer.builds.diagnosis_node import NODE
from deployer.builds.diagnosis_python import INDEXES, PYTHON, of_python
from deployer.builds.symptoms import NOT_FOUND, SHELL, Facts, Symptom, advice, before, lacking
from deployer.core.errors import BuildFailed

NAME = r"(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]*|DEBUG|PORT|[A-Z]{5,}[A-Z0-9]*)"
LONGEST = 100_000  # characters of output that are read
DEEPEST = 4  # folders below the top whose files are looked at


def _variable(match: re.Match[str], facts: Facts) -> str:
    del facts
    name = match["name"]
    return (
        f"the build has no variable {name}, and none of the target's config: a harmless value goes into deploy.yaml"
        f" (`build: {{env: {{{name}: …}}}}`), a secret one is named there (`build: {{secrets: [{name}]}}`)"
    )


def _script(match: re.Match[str], facts: Facts) -> str:
    name = match["name"].removeprefix("./")
    if name not in facts.paths:
        return ""
    return f"{name} may not be executed: `git update-index --chmod=+x {name}`, and commit"


GENERAL = (
    Symptom(SHELL + r"(?P<name>\S+): [Pp]ermission denied", _script),
    Symptom(r"No space left on device|ENOSPC", "the disk is full: `deploy prune` and `df -h` show where room "
                                               "can be made"),
    Symptom(NOT_FOUND,
            "{name} is not on this machine's PATH, and no dependency brings it: install it"),
)  # fmt: skip
TABLE = (*INDEXES, *NODE, *PYTHON, *lacking(NAME, _variable), *GENERAL)


def advise(failed: BuildFailed, tree: str, log: str) -> None:
    """Put what is likely to be the cause before the failure's hint.

    `tree` is what the build had come to; `log` is the build's log: npm writes a page of help below what counts.
    """
    if failed.output:
        said = _last_of(Path(log)) or failed.output
        python = of_python(said, failed.details)
        failed.hint = before(advice(f"{failed.message}\n{said}", TABLE, facts(Path(tree))), before(python, failed.hint))


def _last_of(log: Path) -> str:
    """What the last command printed."""
    return _text(log).rpartition("\n$ ")[2][-LONGEST:]


def facts(tree: Path) -> Facts:
    """What the tree of a failed build shows."""
    return Facts(frozenset(_paths(tree)), lambda path: _text(tree / path))


def _paths(tree: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(tree):
        inside = Path(folder).relative_to(tree)
        found += [str(inside / name) for name in files]
        hidden = len(inside.parts) >= DEEPEST
        folders[:] = [] if hidden else [name for name in folders if name not in ("node_modules", ".venv", ".git")]
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
