"""Does a set of packages that was chosen for one patch level of Python do for another one?

A package can require another one `; python_full_version <= "3.11.2"` (redis 5.0.1 does): what was chosen for 3.11.7 is
incomplete on 3.11.2 then, and nothing else would say so before an import fails.  All conditions of the packages that
are there are evaluated for each patch level; where the answers differ in what has to be there, it is unfit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.builds.packs.pythons import requirements, venv
from deployer.builds.packs.pythons.converters import CONVERTERS, converted
from deployer.builds.packs.pythons.locks import Lock
from deployer.builds.packs.pythons.project import project_table, read_toml
from deployer.core.interpreter import Interpreter, version_key
from deployer.core.recipe import PythonRecipe

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PATCHES = 60  # no minor version of Python has had half as many
_TELLING = re.compile(r"python_full_version|implementation_version")
_LISTED = {"name", "version", "marker"}
_PATCH = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Package:
    """An installed package, or the app itself (without a name): what it says that it requires."""

    name: str
    version: str
    requires: tuple[str, ...]
    python: str


def unfit(tree: Path, interpreter: Interpreter, app: Package) -> dict[str, str]:
    """The patch levels of the interpreter's minor version that cannot run the packages of the tree, and why."""
    packages = [app, *installed(tree / venv.FOLDER)]
    if not any(_PATCH.search(one.python) or any(_TELLING.search(line) for line in one.requires) for one in packages):
        return {}  # nobody looks at patch levels: nearly always
    return Judged(packages, interpreter).unfit()


def installed(environment: Path) -> list[Package]:
    """The packages of an environment, as their METADATA describe them."""
    return [
        _read(entry / "METADATA")
        for site in venv.site_packages(environment)
        for entry in sorted(site.glob("*.dist-info"))
        if (entry / "METADATA").is_file()
    ]


def lines(text: str) -> tuple[str, ...]:
    """The requirements of a requirements file's logical lines, without hashes and options."""
    found = (re.split(r"\s--?[a-z]", line, maxsplit=1)[0].strip() for line in text.splitlines())
    return tuple(line for line in found if line and not line.startswith("-"))


class Judged:
    """The packages of one build, judged for other patch levels of the Python that it was made with."""

    def __init__(self, packages: Sequence[Package], interpreter: Interpreter) -> None:
        from packaging.utils import canonicalize_name  # noqa: PLC0415 - nearly no build comes so far

        self._canonical = canonicalize_name
        self._packages, self._interpreter = packages, interpreter
        self._present = {canonicalize_name(one.name): one.version for one in packages if one.name}
        self._requirements = {one: list(_parsed(one.requires)) for one in packages}
        self._extras = self._asked_extras()

    def unfit(self) -> dict[str, str]:
        """Patch levels and reasons."""
        numbers = version_key(self._interpreter.version)[0]
        minor = ".".join(map(str, numbers[:2]))
        found = {}
        for patch in range(PATCHES):
            version = f"{minor}.{patch}"
            reason = self._reason(version) if version != self._interpreter.version else ""
            if reason:
                found[version] = reason
        return found

    def _reason(self, version: str) -> str:
        for one in self._packages:
            if one.python and not _within(version, one.python) and _within(self._interpreter.version, one.python):
                return f"{_title(one)} requires Python {one.python}"
            for requirement in self._requirements[one]:
                if self._missing(one, requirement, version):
                    return f"{_title(one)} requires {_plain(requirement)}, which was left out"
        return ""

    def _missing(self, one: Package, requirement: Requirement, version: str) -> bool:
        """Whether it is needed with `version` alone, and not there."""
        if requirement.marker is None or not _TELLING.search(str(requirement.marker)):
            return False
        extras = self._extras.get(self._canonical(one.name), set()) | {""}
        if not self._needed(requirement, version, extras):
            return False
        if self._needed(requirement, self._interpreter.version, extras):
            return False
        there = self._present.get(self._canonical(requirement.name))
        return there is None or not requirement.specifier.contains(there, prereleases=True)

    def _needed(self, requirement: Requirement, version: str, extras: Iterable[str]) -> bool:
        marker, environment = requirement.marker, _environment(version, self._interpreter.machine)
        return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in extras)

    def _asked_extras(self) -> dict[str, set[str]]:
        asked: dict[str, set[str]] = {}
        for parsed in self._requirements.values():
            for requirement in parsed:
                asked.setdefault(self._canonical(requirement.name), set()).update(requirement.extras)
        return asked


def _environment(version: str, machine: str) -> Mapping[str, str]:
    return {
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "linux",
    }


def _parsed(texts: Iterable[str]) -> Iterator[Requirement]:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    for text in texts:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue  # a path, an address, a line of an old package: the installer has judged it


def _within(version: str, specifier: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True  # Poetry's own way of writing it; what was built with fits, and that is all that is known


def _title(one: Package) -> str:
    return f"{one.name} {one.version}" if one.name else "the app"


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier} ({requirement.marker})"


def _read(path: Path) -> Package:
    """The head of a METADATA file; the package's description follows after a blank line."""
    fields: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                break
            key, _, value = line.partition(":")
            fields.setdefault(key.lower(), []).append(value.strip())
    only = {key: values[0] for key, values in fields.items()}
    return Package(
        only.get("name", ""), only.get("version", ""), tuple(fields.get("requires-dist", ())),
        only.get("requires-python", ""),
    )  # fmt: skip


def app(tree: Path, lock: Lock, wishes: PythonRecipe, python: str, *, top: Path | None = None) -> Package:
    """What the app itself requires: the lock's own conditions and those of pyproject.toml; `python` is its wish.

    `tree` is the app's folder, `top` that of the whole commit, which a requirements file may include others of.
    """
    found: tuple[str, ...] = ()
    if lock.kind == "requirements":
        found = lines(requirements.read(tree, lock.path, top).text)
    elif lock.kind in CONVERTERS:
        locked = converted(lock.kind, tree / lock.path, groups=wishes.groups, extras=wishes.extras)
        found = lines("\n".join(one.line for one in locked))
    elif lock.kind == "pylock":
        listed = read_toml(tree / lock.path).get("packages", [])
        found = tuple(f"{one['name']}=={one['version']} ; {one['marker']}" for one in listed if {*one} >= _LISTED)
    if (tree / "pyproject.toml").is_file():
        declared = project_table(read_toml(tree / "pyproject.toml")).get("dependencies", ())
        found += tuple(line for line in declared if isinstance(line, str))
    return Package("", "", found, python)
