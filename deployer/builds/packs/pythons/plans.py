"""What is to be installed for each kind of lock file, and what does that depend on?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployer.builds.packs.pythons import requirements
from deployer.builds.packs.pythons.converters import CONVERTERS, converted
from deployer.builds.packs.pythons.locks import Lock
from deployer.builds.packs.pythons.project import project_table, read_toml
from deployer.builds.packs.pythons.uv import Uv
from deployer.core.errors import BuildFailed


@dataclass(frozen=True)
class Plan:
    """What to install: `install(environment)` does it.

    `identity` is a digest of all files that decide it, or None where the app's own source is part of it; `project`
    says that the project itself is still to be installed, if it is a package.
    """

    install: Callable[[Path], None]
    identity: str | None
    project: bool = True


def plan(lock: Lock, uv: Uv, scratch: Path) -> Plan:
    """The plan for `lock`, in the tree where `uv` works; files that it needs are written to `scratch`."""
    groups = uv.workshop.recipe.python.groups
    if lock.kind == "uv":
        return _synced(lock, uv)
    if lock.kind in CONVERTERS:
        lines = converted(lock.kind, uv.workshop.tree / lock.path, groups)
        return _listed(requirements.of(lines), uv, scratch, project=lock.kind != "pipenv")
    if lock.kind in ("pylock", "requirements", "setup") and groups:
        raise BuildFailed(
            f"deploy.yaml: build.python.groups: {lock.path} knows no groups",
            hint="write a lock file for the groups you want, and name it in `build.python.lock`",
        )
    if lock.kind == "pylock":
        return _pylocked(lock, uv)
    if lock.kind == "requirements":
        return _required(lock, uv, scratch)
    return _resolved(lock, uv, scratch, [argument for group in groups for argument in ("--group", group)])


def _synced(lock: Lock, uv: Uv) -> Plan:
    """uv.lock.  Members of a workspace and packages by path are the app's own source: no layer then."""
    tree = uv.workshop.tree
    if lock.path != "uv.lock" or not (tree / "pyproject.toml").is_file():
        raise BuildFailed("uv.lock needs the pyproject.toml beside it", hint="commit both, at the top of the app")
    sources = [package.get("source", {}) for package in read_toml(tree / lock.path).get("package", [])]
    local = [
        source[kind] for source in sources for kind in ("editable", "virtual", "directory", "path") if kind in source
    ]
    alone = all(path == "." for path in local)
    groups = [argument for group in uv.workshop.recipe.python.groups for argument in ("--group", group)]

    def install(environment: Path) -> None:
        try:
            uv.sync(environment, *groups, *(["--no-install-project"] if alone else []))
        except BuildFailed as error:
            if not uv.lock_is_stale():
                raise
            raise BuildFailed(
                "uv.lock does not fit pyproject.toml", hint="`uv lock`, and commit it", output=error.output
            ) from error

    identity = _digest("uv", (tree / lock.path).read_bytes(), (tree / "pyproject.toml").read_bytes())
    return Plan(install, identity if alone else None, project=alone)


def _pylocked(lock: Lock, uv: Uv) -> Plan:
    path = uv.workshop.tree / lock.path
    if not path.is_file():
        raise BuildFailed(f"{lock.path} is not in the commit", hint="`git add` it, or mend `build.python.lock`")
    packages = read_toml(path).get("packages", [])
    local = any("directory" in package or "path" in package.get("archive", {}) for package in packages)
    identity = None if local else _digest("pylock", path.read_bytes())
    return Plan(lambda environment: uv.install(environment, "-r", str(path)), identity)


def _required(lock: Lock, uv: Uv, scratch: Path) -> Plan:
    """requirements.txt: with hashes as it stands, else resolved now, so that what is installed is known."""
    tree = uv.workshop.tree
    found = requirements.read(tree, lock.path)
    path = str(tree / lock.path)
    if found.hashed:
        identity = None if found.local else _digest("requirements", found.text.encode())
        return Plan(
            lambda environment: uv.install(environment, "--require-hashes", "-r", path), identity, project=False
        )
    if not found.text:
        return Plan(lambda _: None, _digest("nothing"), project=False)
    uv.workshop.say(f"{lock.path} is not locked: what it means may change from build to build (`uv pip compile`)")
    if found.local:
        return Plan(lambda environment: uv.install(environment, "-r", path), None, project=False)
    return _compiled(lock.path, uv, scratch, [], project=False)


def _resolved(lock: Lock, uv: Uv, scratch: Path, groups: list[str]) -> Plan:
    """pyproject.toml or setup.py alone."""
    if lock.kind == "pyproject":
        pyproject = read_toml(uv.workshop.tree / "pyproject.toml")
        if not project_table(pyproject) and "poetry" not in pyproject.get("tool", {}):
            raise BuildFailed(
                "pyproject.toml has no [project], and there is no lock file",
                hint="say there what the app needs (`uv init --bare`, `uv add`), or commit a requirements.txt",
            )
    uv.workshop.say(f"{lock.path} is not locked: what it means may change from build to build (`uv lock`)")
    return _compiled(lock.path, uv, scratch, groups, project=True)


def _compiled(source: str, uv: Uv, scratch: Path, arguments: list[str], *, project: bool) -> Plan:
    output = scratch / "requirements.txt"
    uv.compile(source, output, *arguments)
    return _listed(requirements.read(scratch, output.name), uv, scratch, project=project)


def _listed(found: requirements.Requirements, uv: Uv, scratch: Path, *, project: bool) -> Plan:
    """Lines that name every package: nothing is left to resolve."""
    path = scratch / "listed.txt"
    path.write_text(found.text + "\n")
    hashes = ["--require-hashes"] if found.hashed else []

    def install(environment: Path) -> None:
        if found.text:
            uv.install(environment, "--no-deps", *hashes, "-r", str(path))

    return Plan(install, None if found.local else _digest("listed", found.text.encode()), project=project)


def _digest(kind: str, *contents: bytes) -> str:
    return hashlib.sha256(
        b"\0".join([kind.encode(), *(hashlib.sha256(content).digest() for content in contents)])
    ).hexdigest()
