"""Editable installs (`-e ./lib`): the source stays in the tree, and is found by a path relative to the environment.

Build backends write absolute paths: a line in a `.pth`, or a finder module that a `.pth` imports.  Both are changed so
that they hold wherever the tree lies; what a project reads beside its modules is then there, as on the developer's
machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deployer.builds.packs.pythons import venv

SCRIPT = Path(__file__).with_name("moved_script.py")


def relocate(environment: Path, top: Path) -> None:
    """Make every path into `top` relative that leads from the environment's site-packages to a source."""
    for site in venv.site_packages(environment):
        below = os.path.relpath(top, site)
        for entry in list(os.scandir(site)):
            if entry.is_file(follow_symlinks=False) and entry.name.endswith((".pth", ".egg-link")):
                _rewrite(entry.path, partial(_relative_lines, top=top, site=site))
            elif entry.is_file(follow_symlinks=False) and entry.name.endswith(".py") and "editable" in entry.name:
                _rewrite(entry.path, partial(_relative_literals, top=top, below=below))


def proof(python: str, sites: str) -> tuple[str, ...]:
    """The command that shows, in a tree that was moved, that every editable install is found."""
    return (python, "-c", SCRIPT.read_text(), sites)


def _places(top: Path) -> set[str]:
    return {str(top), os.path.realpath(top)}


def _relative_lines(text: str, top: Path, site: Path) -> str:
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        for place in _places(top):
            if line.strip() == place or line.startswith(f"{place}/"):
                inside = line.strip()[len(place) :].lstrip("/")
                lines[number] = os.path.normpath(f"{os.path.relpath(top, site)}/{inside}") + "\n"
    return "".join(lines)


def _relative_literals(text: str, top: Path, below: str) -> str:
    """String literals that begin with the tree's path become expressions of the module's own place."""
    here = f'__import__("os").path.realpath(__import__("os").path.dirname(__file__) + "/{below}")'
    for place in _places(top):
        for quote in "'\"":
            text = text.replace(f"{quote}{place}/", f"{here} + {quote}/").replace(f"{quote}{place}{quote}", here)
    return text


def _rewrite(path: str, change: Callable[[str], str]) -> None:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        text = file.read()
    changed = change(text)
    if changed != text:
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(changed)
