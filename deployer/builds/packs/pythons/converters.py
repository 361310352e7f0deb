"""Which pinned and hashed requirements do the lock files of Poetry, PDM and Pipenv stand for?

Each lists every package that is to be installed, so the lines are installed without resolving anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deployer.builds.packs.pythons.project import read_toml
from deployer.core.errors import BuildFailed

Table = Mapping[str, Any]


def poetry(lock: Table, groups: Sequence[str]) -> list[str]:
    """The lines of a poetry.lock of version 2.1 or later: the group `main` and `groups`."""
    _at_least(lock.get("metadata", {}).get("lock-version", ""), (2, 1), "poetry.lock", "`poetry lock` by Poetry 2, or")
    wanted = {"main", *groups}
    _known(groups, {group for package in lock.get("package", []) for group in package.get("groups", ())}, "poetry.lock")
    return _unique(
        _line(package, package.get("source", {}), _poetry_marker(package.get("markers"), wanted & set(chosen)))
        for package in lock.get("package", [])
        if wanted & set(chosen := package.get("groups", ())) and not package.get("optional")
    )


def pdm(lock: Table, groups: Sequence[str]) -> list[str]:
    """The lines of a pdm.lock that tells the groups of each package."""
    packages = lock.get("package", [])
    if "inherit_metadata" not in lock.get("metadata", {}).get("strategy", ()):
        raise BuildFailed(
            "pdm.lock does not say which package is in which group",
            hint="`pdm lock --update-reuse -S inherit_metadata`, or `pdm export -f pylock -o pylock.toml`; commit it",
        )
    wanted = {"default", *groups}
    _known(groups, set(lock.get("metadata", {}).get("groups", ())), "pdm.lock")
    return _unique(
        _line(package, _pdm_source(package), package.get("marker", ""))
        for package in packages
        if wanted & set(package.get("groups", ()))
    )


def pipenv(lock: Table, groups: Sequence[str]) -> list[str]:
    """The lines of a Pipfile.lock: the section `default` and those that `groups` names."""
    _known(groups, set(lock) - {"_meta"}, "Pipfile.lock")
    lines = [f"--extra-index-url {source['url']}" for source in lock.get("_meta", {}).get("sources", [])[1:]]
    for section in ("default", *groups):
        lines += [_pipenv_line(name, package) for name, package in lock.get(section, {}).items()]
    return _unique(lines)


CONVERTERS: dict[str, Callable[[Table, Sequence[str]], list[str]]] = {"poetry": poetry, "pdm": pdm, "pipenv": pipenv}


def converted(kind: str, path: Path, groups: Sequence[str]) -> list[str]:
    """The requirements of the lock file at `path`."""
    if kind == "pipenv":
        try:
            lock = json.loads(path.read_bytes())
        except ValueError as error:
            raise BuildFailed(f"{path.name}: not JSON: {error}", hint="`pipenv lock`, and commit it") from error
    else:
        lock = read_toml(path)
    return CONVERTERS[kind](lock, groups)


def _line(package: Table, source: Table, marker: str) -> str:
    """`six==1.16.0 ; python_version >= "3" --hash=sha256:…`, or where it comes from instead of the version."""
    extras = f"[{','.join(package['extras'])}]" if isinstance(package.get("extras"), list) else ""
    name, kind = f"{package['name']}{extras}", source.get("type", "")
    if kind == "git":
        commit = source.get("resolved_reference") or source.get("reference", "")
        folder = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
        what = f"{name} @ git+{source['url']}@{commit}{folder}"
    elif kind in ("url", "directory", "file"):
        what = f"{name} @ {source['url'] if kind == 'url' else './' + source['url']}"
    else:
        what = f"{name}=={package['version']}"
    hashes = "".join(f" --hash={file['hash']}" for file in sorted(package.get("files", []), key=_hash))
    return what + (f" ; {marker}" if marker else "") + ("" if kind in ("git", "directory") else hashes)


def _hash(file: Table) -> str:
    return str(file["hash"])


def _poetry_marker(markers: Any, groups: set[str]) -> str:
    """One marker for all of `groups`: a package is needed where any of them needs it."""
    if not isinstance(markers, Mapping):
        return str(markers or "")
    if not groups <= set(markers):
        return ""  # one of the groups needs it everywhere
    return " or ".join(f"({marker})" for marker in dict.fromkeys(markers[group] for group in sorted(groups)))


def _pdm_source(package: Table) -> Table:
    if "git" in package:
        return {"type": "git", "url": package["git"], "reference": package.get("revision") or package.get("ref", "")}
    if "path" in package:
        return {"type": "directory", "url": package["path"].removeprefix("./")}
    return {"type": "url", "url": package["url"]} if "url" in package else {}


def _pipenv_line(name: str, package: Table) -> str:
    marker = package.get("markers", "")
    source: dict[str, Any] = {}
    if "git" in package:
        source = {"type": "git", "url": package["git"], "reference": package.get("ref", "")}
    elif "path" in package:
        source = {"type": "directory", "url": package["path"].removeprefix("./")}
    elif "file" in package:
        source = {"type": "url", "url": package["file"]}
    files = [{"hash": value} for value in package.get("hashes", [])]
    version = re.sub(r"^==", "", package.get("version", ""))
    return _line({"name": name, "version": version, "files": files}, source, marker)


def _unique(lines: Iterable[str]) -> list[str]:
    """Each line once: a lock lists a package again for each of its extras."""
    plain = dict.fromkeys(lines)
    return [
        line for line in plain if not ("[" in line.split("==")[0] and re.sub(r"\[[^\]]*\]", "", line, count=1) in plain)
    ]


def _known(groups: Sequence[str], known: set[str], name: str) -> None:
    unknown = [group for group in groups if group not in known]
    if unknown:
        raise BuildFailed(
            f"deploy.yaml: build.python.groups: {name} has no group {unknown[0]!r}",
            hint=f"it has: {', '.join(sorted(known)) or 'none'}",
        )


def _at_least(version: str, oldest: tuple[int, int], name: str, how: str) -> None:
    numbers = tuple(int(part) for part in re.findall(r"\d+", str(version))[:2])
    if numbers < oldest:
        raise BuildFailed(
            f"{name} is of version {version or 'unknown'}; {oldest[0]}.{oldest[1]} or later is needed, "
            "for only that says which package is in which group",
            hint=f"{how} `poetry export -f requirements.txt -o requirements.txt`; commit it",
        )
