"""What is to be installed for each kind of lock file, and what does that depend on?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.builds.packs import Workshop
from deployer.builds.packs.pythons import indexes, requirements
from deployer.builds.packs.pythons.converters import CONVERTERS, converted
from deployer.builds.packs.pythons.indexes import Index, Locked
from deployer.builds.packs.pythons.locks import Lock
from deployer.builds.packs.pythons.project import project_table, read_toml
from deployer.builds.packs.pythons.uv import Uv
from deployer.core.errors import BuildFailed

SHOWN = 3


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
    wishes = uv.workshop.recipe.python
    groups, extras = wishes.groups, wishes.extras
    if lock.kind == "uv":
        return _synced(lock, uv)
    if lock.kind in CONVERTERS:
        locked = converted(lock.kind, uv.workshop.tree / lock.path, groups=groups, extras=extras)
        return _bound(locked, uv, scratch, lock)
    if lock.kind in ("pylock", "requirements") and extras:
        raise BuildFailed(
            f"deploy.yaml: build.python.extras: {lock.path} knows no extras",
            hint="write a lock file with the extras that you want, and name it in `build.python.lock`",
        )
    if lock.kind in ("pylock", "requirements", "setup") and groups:
        raise BuildFailed(
            f"deploy.yaml: build.python.groups: {lock.path} knows no groups",
            hint="write a lock file for the groups you want, and name it in `build.python.lock`",
        )
    if lock.kind == "pylock":
        return _pylocked(lock, uv)
    if lock.kind == "requirements":
        return _required(lock, uv, scratch)
    return _resolved(lock, uv, scratch, _arguments("--group", groups) + _arguments("--extra", extras))


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
    wishes = uv.workshop.recipe.python
    chosen = _arguments("--group", wishes.groups) + _arguments("--extra", wishes.extras)

    def install(environment: Path) -> None:
        try:
            uv.sync(environment, *chosen, *(["--no-install-project"] if alone else []))
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
        raise BuildFailed(f"{lock.path} is not in the commit", hint="`git add` it, or fix `build.python.lock`")
    packages = read_toml(path).get("packages", [])
    local = any("directory" in package or "path" in package.get("archive", {}) for package in packages)
    identity = None if local else _digest("pylock", path.read_bytes())
    return Plan(lambda environment: uv.install(environment, "-r", str(path)), identity)


def _required(lock: Lock, uv: Uv, scratch: Path) -> Plan:
    """requirements.txt: with hashes as it stands, else resolved now, so that what is installed is known."""
    tree = uv.workshop.tree
    found = requirements.read(tree, lock.path, uv.workshop.top)
    path = str(tree / lock.path)
    index = indexes.of_requirements(found.text)
    if found.hashed:
        identity = None if found.local else _digest("requirements", found.text.encode())
        return Plan(
            lambda environment: uv.install(environment, "--require-hashes", *found.options, "-r", path, env=index),
            identity,
            project=False,
        )
    if not found.text:
        return Plan(lambda _: None, _digest("nothing"), project=False)
    uv.workshop.say(f"{lock.path} is not locked: what it means may change from build to build (`uv pip compile`)")
    source = scratch / "whole" / Path(lock.path).name
    source.parent.mkdir()
    source.write_text(requirements.whole(tree, lock.path, uv.workshop.top) + "\n")
    if found.local:
        arguments = (*found.options, "-r", str(source))
        return Plan(lambda environment: uv.install(environment, *arguments, env=index), None, project=False)
    return _compiled(str(source), uv, scratch, list(found.options), project=False)


def _resolved(lock: Lock, uv: Uv, scratch: Path, groups: list[str]) -> Plan:
    """pyproject.toml or setup.py alone."""
    if lock.kind == "pyproject":
        pyproject = read_toml(uv.workshop.tree / "pyproject.toml")
        if not project_table(pyproject) and "poetry" not in pyproject.get("tool", {}):
            raise BuildFailed(
                "pyproject.toml has no [project], and there is no lock file",
                hint="say there what the app needs (`uv init --bare`, `uv add`), or commit a requirements.txt",
            )
        _refuse_foreign_sources(pyproject)
    uv.workshop.say(f"{lock.path} is not locked: what it means may change from build to build (`uv lock`)")
    return _compiled(lock.path, uv, scratch, groups, project=True)


def _refuse_foreign_sources(pyproject: Mapping[str, Any]) -> None:
    """Only their own lock files say which package is bound to a source of Poetry's or PDM's; uv reads none of them."""
    for tool in ("poetry", "pdm"):
        if pyproject.get("tool", {}).get(tool, {}).get("source"):
            raise BuildFailed(
                f"pyproject.toml has sources of packages (tool.{tool}.source), and there is no {tool}.lock that says "
                "which package comes from which",
                hint=f"`{tool} lock`, and commit {tool}.lock",
            )


def _arguments(option: str, values: Sequence[str]) -> list[str]:
    return [argument for value in values for argument in (option, value)]


def _compiled(source: str, uv: Uv, scratch: Path, arguments: list[str], *, project: bool) -> Plan:
    output = scratch / "requirements.txt"
    index = indexes.of_requirements(Path(source).read_text()) if source.endswith((".txt", ".in")) else {}
    uv.compile(source, output, *arguments, env=index)
    return _listed(requirements.read(scratch, output.name), uv, scratch, project=project, index=index)


def _listed(
    found: requirements.Requirements, uv: Uv, scratch: Path, *, project: bool, index: Mapping[str, str]
) -> Plan:
    """Lines that name every package: nothing is left to resolve; `index` are uv's variables for their index."""
    path = scratch / "listed.txt"
    path.write_text(found.text + "\n")
    hashes = ["--require-hashes"] if found.hashed else []

    def install(environment: Path) -> None:
        if found.text:
            uv.install(environment, "--no-deps", *hashes, "-r", str(path), env=index)

    text = found.text.replace(f"{uv.workshop.tree}/", "")  # --find-links
    return Plan(install, None if found.local else _digest("listed", text.encode()), project=project)


def _bound(locked: list[Locked], uv: Uv, scratch: Path, lock: Lock) -> Plan:
    """The packages of each index are asked for there alone; each group of them is a step of its own."""
    _refuse_elsewhere(locked, uv.workshop, lock)
    whole = requirements.of([each.line for each in locked])
    groups: dict[Index | None, list[str]] = {None: []}
    for each in locked:
        groups.setdefault(each.index, []).append(each.line)

    def install(environment: Path) -> None:
        for number, (index, lines) in enumerate(groups.items()):
            part = requirements.of(lines)
            path = scratch / f"listed-{number}.txt"
            path.write_text(part.text + "\n")
            hashes = ["--require-hashes"] if part.hashed and lines else []
            where = indexes.only(index, uv.workshop.env, lock.path) if index else {}
            try:
                if lines:
                    uv.install(environment, "--no-deps", *hashes, "-r", str(path), env=where)
            except BuildFailed as error:
                if index is None:
                    raise
                names = ", ".join(re.split(r"[ =@\[]", line)[0] for line in lines[:SHOWN])
                more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
                raise BuildFailed(
                    f"{lock.path} binds {names}{more} to the index {indexes.shown(index)}, and they could not be "
                    "installed from there",
                    hint="can this machine reach it, has it these versions, does it ask for a password "
                    f"(`build.secrets` in deploy.yaml)? They are taken from no other index ({error.message})",
                    output=error.output,
                    details=error.details,
                ) from error

    told = [f"{each.index} {each.line}" for each in locked]
    identity = None if whole.local else _digest("bound", "\n".join(told).encode())
    return Plan(install, identity, project=lock.kind != "pipenv")


def _refuse_elsewhere(locked: list[Locked], workshop: Workshop, lock: Lock) -> None:
    """Refuse a package from a folder that the build's tree does not have."""
    for each in locked:
        found = re.match(r"(?:-e |[^;]*? @ )?\./([^;\[]*?)(?:\[|\s|$)", each.line)
        if found and not (workshop.tree / found.group(1)).exists():
            raise BuildFailed(
                f"{lock.path} takes a package from {found.group(1)}, which is not in the commit",
                hint="put deploy.yaml at the top of the repository, and the app's folder into it as `build.root`"
                if found.group(1).startswith("../")
                else "`git add` it, and commit",
            )


def _digest(kind: str, *contents: bytes) -> str:
    return hashlib.sha256(
        b"\0".join([kind.encode(), *(hashlib.sha256(content).digest() for content in contents)])
    ).hexdigest()
