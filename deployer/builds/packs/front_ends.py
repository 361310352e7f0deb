"""Front ends beside an app: which folders with a package.json are built for it, and which are named as not built.

What a front end makes stays in the build; its node_modules is there for whatever comes after (collectstatic,
`build.commands`) and is no part of the finished build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deployer.builds.packs import Workshop, node_build, node_litter
from deployer.builds.packs.node_find import VERSION_FILES
from deployer.builds.packs.node_managers import LOCKS
from deployer.builds.packs.node_start import scripts_of
from deployer.core.errors import BuildFailed
from deployer.core.recipe import AUTO, Recipe

PACKAGE = "package.json"
TOP = "."
FILES = {PACKAGE, *LOCKS, *VERSION_FILES, ".yarnrc.yml", "pnpm-workspace.yaml"}
MANAGERS = ("npm", "pnpm", "yarn", "bun", "npx")
DEEPEST = 3  # folders below the top
ELSE = {  # folders whose packages are not the app's front end
    *("node_modules", "bower_components", "vendor", "venv", "env", "site-packages", "tests", "test", "__tests__"),
    *("spec", "e2e", "cypress", "playwright", "examples", "example", "samples", "demo", "demos", "docs", "doc"),
    *("fixtures", "benchmarks", "storybook"),
}
SILENCE = "`build: {assets: false}` in deploy.yaml says that the app does without"


@dataclass(frozen=True)
class Plan:
    """The folders whose front ends are built, in this order, and a sentence for each that is not."""

    built: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


def deciding(paths: frozenset[str]) -> list[str]:
    """Of a commit's paths those of the small files by which front ends are known."""
    return [path for path in paths if path.rpartition("/")[2] in FILES and _looked_at(PurePosixPath(path).parent)]


def inputs(
    tree: Path, recipe: Recipe, environ: Mapping[str, str], *, top: bool = True, site: str = ""
) -> dict[str, str]:
    """What decides their bytes besides the commit and the recipe: the versions of the tools."""
    found: dict[str, str] = {}
    for folder in plan(tree, recipe, top=top, site=site).built:
        package = node_build.read_package(tree / folder)
        with _named(folder):
            told = node_build.versions(tree / folder, package, environ)
        found.update({f"{folder}: {name}": version for name, version in told.items()})
    return found


def build(workshop: Workshop, *, top: bool = True, site: str = "") -> tuple[str, ...]:
    """Build them, and say which are not built; the paths that the finished build does without.

    `top` is false where the package.json at the top is the app itself; `site` is the folder whose front end makes all
    that is served: it is built without a lock file, too.
    """
    tree, recipe = workshop.tree, workshop.recipe
    planned = plan(tree, recipe, top=top, site=site)
    for line in (*planned.passed, *_outside(workshop)):
        workshop.say(f"warning: {line}")
    dropped = []
    for folder in planned.built:
        workshop.say(f"front end: {_file(folder)}")
        modules = tree / folder / "node_modules"
        committed = modules.exists()
        with _named(folder):
            built = node_build.build(workshop, tree / folder, _script(folder, recipe), also=_programs(tree))
        node_litter.drop_caches(tree / folder, built.manager.leavings)
        if not committed:
            dropped.append(os.path.normpath(f"{folder}/node_modules"))
    return tuple(dropped)


def _outside(workshop: Workshop) -> list[str]:
    """What is said of front ends in the repository that lie outside of `build.root`."""
    recipe, top = workshop.recipe, workshop.top
    if top == workshop.tree or recipe.assets != AUTO or _by_commands(recipe):
        return []
    inside = workshop.tree.relative_to(top).as_posix()
    there = [folder for folder, package in _packages(top) if "build" in scripts_of(package)]
    others = [folder for folder in there if folder != inside and not folder.startswith(f"{inside}/")]
    if not others:
        return []
    first = os.path.relpath(top / others[0], workshop.tree)
    line = f"`build: {{before: [cd {first} && npm ci && npm run build]}}` in deploy.yaml builds it"
    return [f"{_file(others[0])}, outside of build.root, has a build script, and was NOT built: {line}; {SILENCE}"]


def warn(workshop: Workshop) -> None:
    """Name those that are there and that nobody builds, where the app's owner builds all by his own commands."""
    planned = plan(workshop.tree, workshop.recipe)
    if planned.built:
        workshop.say(f"warning: {_several(list(planned.built))}")


def plan(tree: Path, recipe: Recipe, *, top: bool = True, site: str = "") -> Plan:
    """Which front ends below `tree` are built: those that deploy.yaml names, else what is not to be mistaken."""
    if recipe.assets != AUTO:
        return Plan(tuple(_asked(tree, folder, recipe) for folder in recipe.assets))
    if _by_commands(recipe):
        return Plan()
    known = {folder: package for folder, package in _packages(tree) if _script(folder, recipe) in scripts_of(package)}
    at_top = known.pop(TOP, None)
    at_top = at_top if top else None
    outer = _outer(tree)
    below = [folder for folder in known if not _belongs(folder, outer, recipe) and not _inside(folder, known)]
    if at_top is not None and (site == TOP or _locked(tree, TOP, at_top)):
        return Plan((TOP,), (_several(below),) if below else ())
    passed = [] if at_top is None else [_unlocked(TOP)]
    passed += _parts(tree, recipe) if top and at_top is None else []
    if len(below) > 1:
        return Plan((), (*passed, _several(below)))
    built = tuple(folder for folder in below if folder == site or _locked(tree, folder, known[folder]))
    return Plan(built, (*passed, *(_unlocked(folder) for folder in below if folder not in built)))


def _by_commands(recipe: Recipe) -> bool:
    """Whether the build's own commands see to front ends: a package manager is among their words."""
    return any(re.search(rf"\b(?:{'|'.join(MANAGERS)})\b", command) for command in (*recipe.before, *recipe.commands))


def _packages(tree: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for here, folders, files in os.walk(tree):
        folder = Path(here).relative_to(tree)
        if PACKAGE in files:
            try:
                yield folder.as_posix(), node_build.read_package(Path(here))
            except BuildFailed:
                if folder.as_posix() == TOP:
                    raise
        folders[:] = sorted(name for name in folders if _looked_at(PurePosixPath(folder.as_posix(), name)))


def _looked_at(folder: PurePosixPath) -> bool:
    parts = folder.parts
    return len(parts) <= DEEPEST and not any(part in ELSE or part.startswith(".") for part in parts)


def _script(folder: str, recipe: Recipe) -> str:
    return recipe.node.script if folder == TOP else "build"


def _asked(tree: Path, folder: str, recipe: Recipe) -> str:
    """A folder that deploy.yaml names: it has to have what it is named for."""
    folder = os.path.normpath(folder)
    if not (tree / folder / PACKAGE).is_file():
        raise BuildFailed(
            f"build.assets: there is no {_file(folder)} in this commit", hint="commit it, or name another"
        )
    if _script(folder, recipe) not in scripts_of(node_build.read_package(tree / folder)):
        raise BuildFailed(f"build.assets: {_file(folder)} has no script {_script(folder, recipe)!r}", hint="add one")
    return folder


def _outer(tree: Path) -> Mapping[str, Any]:
    return node_build.read_package(tree) if (tree / PACKAGE).is_file() else {}


def _belongs(folder: str, outer: Mapping[str, Any], recipe: Recipe) -> bool:
    """Whether the package.json at the top sees to this folder: by its workspaces, or by name in its build script."""
    script = scripts_of(outer).get(recipe.node.script, "")
    return bool(outer.get("workspaces")) or bool(re.search(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", script))


def _inside(folder: str, known: Mapping[str, Any]) -> bool:
    return any(folder.startswith(f"{other}/") for other in known)


def _locked(tree: Path, folder: str, package: Mapping[str, Any]) -> bool:
    return not node_build.has_packages(package) or any((tree / folder / name).is_file() for name in LOCKS)


def _programs(tree: Path) -> tuple[str, ...]:
    """The app's own programs, for a script that calls them."""
    return (str(tree / ".venv/bin"),) if (tree / ".venv/bin").is_dir() else ()


def _file(folder: str) -> str:
    return os.path.normpath(f"{folder}/{PACKAGE}")


def _unlocked(folder: str) -> str:
    where = "" if folder == TOP else f"cd {folder} && "
    return (
        f"{_file(folder)} has a build script, and was NOT built, since there is no lock file beside it:"
        f" `{where}npm install --package-lock-only`, and commit package-lock.json; or {SILENCE}"
    )


def _several(folders: list[str]) -> str:
    files = " and ".join(map(_file, folders))
    have = "have build scripts, and were" if len(folders) > 1 else "has a build script, and was"
    line = f"`build: {{assets: [{', '.join(folders)}]}}` in deploy.yaml"
    return f"{files} {have} NOT built: {line} builds what it names; {SILENCE}"


def _parts(tree: Path, recipe: Recipe) -> list[str]:
    """What is said of a package.json at the top whose build is in several scripts under other names."""
    scripts = scripts_of(_outer(tree))
    parts = sorted(name for name in scripts if name.startswith(("build:", "build-")))
    if not parts or not recipe.node.script:
        return []
    told = f"package.json has {', '.join(parts)}, but no script {recipe.node.script!r}, and none of them was run"
    return [f"{told}: `build: {{node: {{script: {parts[0]!r}}}}}` in deploy.yaml names one; or {SILENCE}"]


@contextmanager
def _named(folder: str) -> Iterator[None]:
    """Say of a failure which front end it is, and how to do without."""
    try:
        yield
    except BuildFailed as error:
        raise BuildFailed(
            f"the front end in {_file(folder)}: {error.message}",
            hint="; ".join(part for part in (error.hint, SILENCE) if part),
            output=error.output,
            details=error.details,
        ) from error
