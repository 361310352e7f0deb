"""Which pinned and hashed requirements do the lock files of Poetry, PDM and Pipenv stand for?

Each lists every package that is to be installed, and where it comes from, so the lines are installed without resolving
anything.  What cannot be done as the lock says is refused by name.
"""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.builds.packs.pythons import indexes
from deployer.builds.packs.pythons.indexes import Index, Locked
from deployer.builds.packs.pythons.project import read_toml
from deployer.core.errors import BuildFailed

Table = Mapping[str, Any]
MARKERS = (
    *("python_version", "python_full_version", "os_name", "sys_platform", "platform_machine", "platform_system"),
    *("platform_python_implementation", "platform_release", "platform_version"),
    *("implementation_name", "implementation_version"),
)
OTHER_HISTORIES = ("hg", "svn", "bzr")
ALWAYS, NEVER = 'python_version >= "0"', 'python_version < "0"'
_EXTRA = re.compile(r"""extra\s*==\s*(["'])([^"']+)\1""")


@dataclass(frozen=True)
class Chosen:
    """What is wanted of a lock file besides the main group: `groups`, and `extras` of the project."""

    groups: Sequence[str] = ()
    extras: Sequence[str] = ()
    pyproject: Table = field(default_factory=dict)


def poetry(lock: Table, chosen: Chosen) -> list[Locked]:
    """The lines of a poetry.lock of version 2.1 or later: the group `main` and those chosen."""
    _at_least(lock.get("metadata", {}).get("lock-version", ""), (2, 1), "poetry.lock", "`poetry lock` by Poetry 2, or")
    wanted, packages = {"main", *chosen.groups}, lock.get("package", [])
    _known("groups", chosen.groups, {group for each in packages for group in each.get("groups", ())}, "poetry.lock")
    _known("extras", chosen.extras, set(lock.get("extras", {})), "poetry.lock")
    found = []
    for package in packages:
        groups = wanted & set(package.get("groups", ()))
        marker = _poetry_marker(package.get("markers"), groups)
        if groups and package.get("optional"):
            marker = _with_extras(marker, chosen.extras)
        if groups and marker != NEVER:
            found.append(_locked(package, package.get("source", {}), marker, "poetry.lock"))
    _complete(lock, chosen.extras, {package["name"] for package in packages if package.get("optional")}, found)
    return _unique(found)


def pdm(lock: Table, chosen: Chosen) -> list[Locked]:
    """The lines of a pdm.lock that tells the groups of each package."""
    if "inherit_metadata" not in lock.get("metadata", {}).get("strategy", ()):
        raise BuildFailed(
            "pdm.lock does not say which package is in which group",
            hint="`pdm lock --update-reuse -S inherit_metadata`, or `pdm export -f pylock -o pylock.toml`; commit it",
        )
    wanted = {"default", *chosen.groups, *chosen.extras}  # an extra is a group for PDM
    _known("groups", (*chosen.groups, *chosen.extras), set(lock.get("metadata", {}).get("groups", ())), "pdm.lock")
    sources = chosen.pyproject.get("tool", {}).get("pdm", {}).get("source", [])
    return _unique(
        _locked(package, _pdm_source(package, sources), package.get("marker", ""), "pdm.lock")
        for package in lock.get("package", [])
        if wanted & set(package.get("groups", ()))
    )


def pipenv(lock: Table, chosen: Chosen) -> list[Locked]:
    """The lines of a Pipfile.lock: the section `default` and those that `groups` names."""
    _known("groups", chosen.groups, set(lock) - {"_meta"}, "Pipfile.lock")
    sources: dict[str, Index | None] = {}
    for source in lock.get("_meta", {}).get("sources", []):
        url = str(source.get("url", ""))
        name = str(source.get("name") or url)
        sources[name] = indexes.index(name, url, verify=source.get("verify_ssl") is not False)
    found = []
    for section in ("default", *chosen.groups):
        for name, package in lock.get(section, {}).items():
            found.append(_pipenv_locked(name, package, sources))
    return _unique(found)


CONVERTERS: dict[str, Callable[[Table, Chosen], list[Locked]]] = {"poetry": poetry, "pdm": pdm, "pipenv": pipenv}


def converted(kind: str, path: Path, *, groups: Sequence[str], extras: Sequence[str]) -> list[Locked]:
    """The requirements of the lock file at `path`."""
    if kind == "pipenv":
        try:
            lock = json.loads(path.read_bytes())
        except ValueError as error:
            raise BuildFailed(f"{path.name}: not JSON: {error}", hint="`pipenv lock`, and commit it") from error
    else:
        lock = read_toml(path)
    beside = path.parent / "pyproject.toml"
    pyproject = read_toml(beside) if beside.is_file() else {}
    return CONVERTERS[kind](lock, Chosen(groups, extras, pyproject))


def _locked(package: Table, source: Table, marker: str, lock: str) -> Locked:
    """`six==1.16.0 ; python_version >= "3" --hash=sha256:…`, or where it comes from instead of the version."""
    name, kind = package["name"], source.get("type", "")
    extras = f"[{','.join(package['extras'])}]" if isinstance(package.get("extras"), (list, tuple)) else ""
    hashes = "".join(f" --hash={file['hash']}" for file in sorted(package.get("files", []), key=_hash))
    index: Index | None = None
    if kind == "git":
        commit = source.get("resolved_reference") or source.get("reference", "")
        folder = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
        address = _address(source["url"])
        what, hashes = f"{name}{extras} @ git+{address}@{commit}{folder}", ""
    elif kind == "url":
        what = f"{name}{extras} @ {source['url']}"
    elif kind == "file":
        what = f"{name}{extras} @ ./{_inside(source['url'], name, lock)}"
    elif kind == "directory":
        editable = "-e " if source.get("editable", package.get("develop")) else ""
        what, hashes = f"{editable}./{_inside(source['url'], name, lock)}{extras}", ""
    elif kind in ("", "legacy"):
        index = source.get("index") or (indexes.index(_reference(source), source["url"]) if kind else None)
        what = f"{name}{extras}=={package['version']}"
    else:
        raise BuildFailed(
            f"{lock}: {name} comes from a source of the kind {kind!r}, which cannot be taken here",
            hint="take it from an index, a git repository, an address or a folder of the repository; lock again",
        )
    return Locked(what + (f" ; {marker}" if marker else "") + hashes, index)


def _reference(source: Table) -> str:
    return str(source.get("reference") or source["url"])


def _hash(file: Table) -> str:
    return str(file["hash"])


def _address(text: str) -> str:
    """A git repository's address, also where it stands in git's short form, `git@host:owner/name.git`."""
    text = text.removeprefix("git+")
    host, _, path = text.partition(":")
    return text if "://" in text else f"ssh://{host}/{path}"


def _inside(path: str, name: str, lock: str) -> str:
    """The path below the app's folder; what lies elsewhere is not in the commit's tree that is built."""
    normal = posixpath.normpath(path)
    if posixpath.isabs(normal):
        raise BuildFailed(
            f"{lock}: {name} is taken from {path}, a folder of the machine where it was locked",
            hint="put it into the repository, name it by a relative path, and lock again",
        )
    return normal


def _poetry_marker(markers: Any, groups: set[str]) -> str:
    """One marker for all of `groups`: a package is needed where any of them needs it."""
    if not isinstance(markers, Mapping):
        return str(markers or "")
    if not groups <= set(markers):
        return ""  # one of the groups needs it everywhere
    return " or ".join(f"({marker})" for marker in dict.fromkeys(markers[group] for group in sorted(groups)))


def _with_extras(marker: str, extras: Sequence[str]) -> str:
    """The marker of a package that only extras need: each of these is asked for or not."""
    named = {extra for _, extra in _EXTRA.findall(marker)}
    if not named & set(extras):
        return NEVER
    return _EXTRA.sub(lambda found: ALWAYS if found.group(2) in extras else NEVER, marker)


def _complete(lock: Table, extras: Sequence[str], optional: set[str], found: Sequence[Locked]) -> None:
    """Refuse a lock that does not mark which packages an extra needs."""
    here = {_normal(re.split(r"[ \[=@]", each.line.removeprefix("-e "), maxsplit=1)[0]) for each in found}
    for extra in extras:
        for name in (_normal(need.split(" ")[0].split("[")[0]) for need in lock.get("extras", {})[extra]):
            if name in optional and name not in here and not any(each.line.startswith(("-e", "./")) for each in found):
                raise BuildFailed(
                    f"poetry.lock does not say for which extra {name} is", hint="`poetry lock` by Poetry 2.1 or later"
                )


def _pdm_source(package: Table, sources: Sequence[Table]) -> Table:
    if "git" in package:
        reference = package.get("revision") or package.get("ref", "")
        return {"type": "git", "url": package["git"], "reference": reference, **_part(package, "subdirectory")}
    if "path" in package:
        kind = "file" if re.search(r"\.(?:whl|tar\.gz|zip)\Z", package["path"]) else "directory"
        return {"type": kind, "url": package["path"], "editable": bool(package.get("editable"))}
    if "url" in package:
        return {"type": "url", "url": package["url"]}
    bound = [source for source in sources if _matches(package["name"], source.get("include_packages", []))]
    general = [source for source in sources if not source.get("include_packages")]
    if not (bound or general):
        return {}
    first, *others = bound or general
    if others or first.get("type", "index") != "index" or not (bound or first.get("name") == "pypi"):
        raise BuildFailed(
            f"pyproject.toml: tool.pdm.source: nothing binds {package['name']} to one index",
            hint='give each source `include_packages`, or the name "pypi" where it replaces the public index',
        )
    return {"index": indexes.index(str(first.get("name", "")), first["url"], verify=first.get("verify_ssl", True))}


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(_normal(name), _normal(pattern)) for pattern in patterns)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _part(package: Table, key: str) -> dict[str, Any]:
    return {key: package[key]} if key in package else {}


def _pipenv_locked(name: str, package: Table, sources: Mapping[str, Index | None]) -> Locked:
    parts = [package.get("markers", ""), *(f"{key} {package[key]}" for key in MARKERS if key in package)]
    marker = " and ".join(f"({part})" if len(list(filter(None, parts))) > 1 else part for part in parts if part)
    unlike = next((kind for kind in OTHER_HISTORIES if kind in package), "")
    if unlike:
        raise BuildFailed(f"Pipfile.lock: {name} comes from {unlike}, and only git can be taken here", hint="")
    files = [{"hash": value} for value in package.get("hashes", [])]
    version = re.sub(r"^===?", "", package.get("version", ""))
    locked = {"name": name, "version": version, "files": files, **_part(package, "extras")}
    source = _pipenv_source(name, package, sources)
    if not source.get("type") and not re.match(r"\d", version):
        raise BuildFailed(
            f"Pipfile.lock: {name} is not bound to one version ({package.get('version', 'none')})",
            hint="`pipenv lock`, and commit it",
        )
    return _locked(locked, source, marker, "Pipfile.lock")


def _pipenv_source(name: str, package: Table, sources: Mapping[str, Index | None]) -> dict[str, Any]:
    if "git" in package:
        reference = package.get("ref", "")
        return {"type": "git", "url": package["git"], "reference": reference, **_part(package, "subdirectory")}
    place = str(package.get("path") or package.get("file") or "")
    if "://" in place and not place.startswith("file:"):
        return {"type": "url", "url": place}
    if place:
        place = re.sub(r"^file:(?://)?", "", place)
        kind = "file" if re.search(r"\.(?:whl|tar\.gz|zip)\Z", place) else "directory"
        return {"type": kind, "url": place, "editable": bool(package.get("editable"))}
    bound = package.get("index")
    if bound is not None and bound not in sources:
        raise BuildFailed(
            f"Pipfile.lock: {name} comes from the index {bound!r}, which _meta.sources does not have",
            hint="`pipenv lock`, and commit it",
        )
    return {"index": sources[bound] if bound is not None else next(iter(sources.values()), None)}


def _unique(locked: Iterable[Locked]) -> list[Locked]:
    """Each line once: a lock lists a package again for each of its extras."""
    plain = {each.line: each for each in locked}
    return [
        each
        for line, each in plain.items()
        if not ("[" in line.split("==")[0] and re.sub(r"\[[^\]]*\]", "", line, count=1) in plain)
    ]


def _known(key: str, wanted: Sequence[str], known: set[str], name: str) -> None:
    unknown = [each for each in wanted if each not in known]
    if unknown:
        raise BuildFailed(
            f"deploy.yaml: build.python.{key}: {name} has no {key.removesuffix('s')} {unknown[0]!r}",
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
