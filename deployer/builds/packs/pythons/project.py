"""What does pyproject.toml say of the project?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.core.errors import BuildFailed


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; `BuildFailed` names the file where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildFailed(f"{path.name}: not TOML: {error}", hint="fix it, commit, and build again") from error


def project_table(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `[project]` table, empty where there is none."""
    table = pyproject.get("project", {})
    return table if isinstance(table, Mapping) else {}


def is_package(tree: Path) -> bool:
    """Whether the project itself is to be installed: it says how it is built, and not that it is no package."""
    if not (tree / "pyproject.toml").is_file():
        return False
    pyproject = read_toml(tree / "pyproject.toml")
    tools = pyproject.get("tool", {})
    if tools.get("poetry", {}).get("package-mode") is False or tools.get("uv", {}).get("package") is False:
        return False
    if tools.get("pdm", {}).get("distribution") is False:
        return False
    return "build-system" in pyproject and ("project" in pyproject or "poetry" in tools)
