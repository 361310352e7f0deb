"""Which Python does a lock file ask for?  It was made for that one: another may need other packages."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.builds.packs.pythons.locks import deciding
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe


def asked(tree: Path, recipe: Recipe) -> tuple[str, str]:
    """What the deciding lock file of `tree` says, as in `requires-python`, and where; ('', '') if it says nothing."""
    try:
        lock = deciding(os.listdir(tree), recipe)
        content = (tree / lock.path).read_bytes()
    except (BuildFailed, OSError):  # said where it is installed from
        return "", ""
    try:
        if lock.kind == "pipenv":
            return _pipenv(json.loads(content)), f"{lock.path}: _meta.requires"
        if lock.kind in ("poetry", "pdm", "pylock"):
            return _toml(lock.kind, tomllib.loads(content.decode())), lock.path
    except (ValueError, AttributeError):  # no JSON, no TOML, or other tables than such a file has
        return "", ""
    return "", ""


def _pipenv(lock: Mapping[str, Any]) -> str:
    requires = lock.get("_meta", {}).get("requires", {})
    version = str(requires.get("python_full_version") or requires.get("python_version") or "").strip()
    return "" if version in ("", "*") else version if version[0] in "<>=!~" else f"=={version}"


def _toml(kind: str, lock: Mapping[str, Any]) -> str:
    metadata = lock.get("metadata", {})
    says = {
        "poetry": metadata.get("python-versions"),
        "pdm": next((target.get("requires_python") for target in metadata.get("targets", [])), ""),
        "pylock": lock.get("requires-python"),
    }[kind]
    spec = str(says or "").strip()
    return "" if spec == "*" or "|" in spec else spec  # alternatives are Poetry's own, and pyproject.toml has them too
