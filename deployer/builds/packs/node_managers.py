"""Which package manager installs this app's dependencies, and how is each told to?"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deployer.core.errors import BuildFailed

LOCKS = {
    "npm-shrinkwrap.json": "npm",
    "package-lock.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}


@dataclass(frozen=True)
class Manager:
    """How one package manager does the three things a build needs.

    `program` is what its arguments are put after; `install` gets everything, dev dependencies too; `prune` takes
    these away again; `env` goes with both; `leavings` are paths (globs) with times, absolute paths or addresses of
    a registry in them, which nothing needs once the packages are there.
    """

    name: str
    version: str
    program: tuple[str, ...]
    lock: str
    install: tuple[str, ...]
    prune: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    leavings: tuple[str, ...] = ()


def caches(folder: Path) -> dict[str, str]:
    """Where the managers keep what they have downloaded: in `folder`, for a build's home is empty and short-lived."""
    return {
        "npm_config_cache": str(folder / "npm"),
        "npm_config_store_dir": str(folder / "pnpm"),  # pnpm 10
        "pnpm_config_store_dir": str(folder / "pnpm"),  # and 11
        "YARN_CACHE_FOLDER": str(folder / "yarn"),
        "YARN_GLOBAL_FOLDER": str(folder / "berry"),
    }


def choose(tree: Path, package: Mapping[str, Any], node: Path, path: str) -> Manager:
    """The manager of the app's one lock file, or of `packageManager`; npm where there is neither."""
    declared, _, version = str(package.get("packageManager") or "").partition("@")
    version = version.partition("+")[0]
    lock = _only_lock(tree)
    name = LOCKS.get(lock, declared or "npm")
    if declared and declared != name:
        raise BuildFailed(
            f"package.json names {declared} as its packageManager, but the lock file is {lock}, of {name}",
            hint=f"delete {lock} and commit the lock file of {declared}, or change packageManager",
        )
    if name not in ("npm", "pnpm", "yarn"):
        raise BuildFailed(
            f"{lock or 'package.json'} asks for {name}, which the node pack does not know",
            hint="commit the lock file of npm, pnpm or yarn; or use `pack: commands` and `build.commands`",
        )
    if name != "npm" and not lock:
        raise BuildFailed(
            f"package.json names {declared} as its packageManager, but there is no lock file of it",
            hint=f"run `{name} install` and commit the lock file",
        )
    if name == "npm":
        return _npm(tree, lock, node, path)
    if name == "pnpm":
        return _pnpm(tree, node, path, version)
    return _yarn(tree, node, path, version)


def _only_lock(tree: Path) -> str:
    found = [name for name in LOCKS if (tree / name).is_file()]
    if len({LOCKS[name] for name in found}) > 1:
        raise BuildFailed(
            f"there is more than one lock file: {' and '.join(found)}",
            hint="keep the one of the package manager you use, and delete the others",
        )
    return found[0] if found else ""  # npm-shrinkwrap.json comes first, as it does for npm


def _npm(tree: Path, lock: str, node: Path, path: str) -> Manager:
    program = _program("npm", node, path, hint="npm comes with Node.js; some systems have it in a package of its own")
    quiet = ("--no-audit", "--no-fund")
    return Manager(
        "npm",
        _version(program, tree),
        program,
        lock,
        # NODE_ENV=production would leave out the dev dependencies, which the build script is made of.
        install=("ci" if lock else "install", "--include=dev", *quiet),
        prune=("prune", "--omit=dev", "--ignore-scripts", *quiet),
        env={"npm_config_update_notifier": "false"},
        leavings=("node_modules/.package-lock.json",),
    )


def _pnpm(tree: Path, node: Path, path: str, version: str) -> Manager:
    program = _program("pnpm", node, path, hint=_how_to_get("pnpm", version))
    return Manager(
        "pnpm",
        _version(program, tree),
        program,
        "pnpm-lock.yaml",
        # Without the first setting every script in .bin exports a NODE_PATH with the build's folder in it.  Copies:
        # a hard link into pnpm's store would let a build step change what every other project gets.
        install=(
            "install",
            "--frozen-lockfile",
            "--prod=false",
            "--config.extendNodePath=false",
            "--config.confirmModulesPurge=false",  # no questions
            "--config.packageImportMethod=clone-or-copy",
        ),
        prune=(
            "prune",
            "--prod",
            "--ignore-scripts",
            "--config.extendNodePath=false",
            "--config.confirmModulesPurge=false",
        ),
        leavings=("**/node_modules/.modules.yaml", "**/node_modules/.pnpm-workspace-state*.json"),
    )


def _yarn(tree: Path, node: Path, path: str, version: str) -> Manager:
    settings = _yarn_settings(tree)
    vendored = settings.get("yarnPath")
    program = (
        (str(node), str(vendored)) if vendored else _program("yarn", node, path, hint=_how_to_get("yarn", version))
    )
    if "__metadata:" not in (tree / "yarn.lock").read_text(errors="replace"):
        return Manager(
            "yarn",
            _version(program, tree),
            program,
            "yarn.lock",
            install=("install", "--frozen-lockfile", "--production=false", "--non-interactive"),
            prune=(
                "install",
                "--frozen-lockfile",
                "--production",
                "--ignore-scripts",
                "--non-interactive",
                "--offline",
            ),
            leavings=("**/node_modules/.yarn-integrity",),
        )
    env = {"YARN_NODE_LINKER": "node-modules", "YARN_ENABLE_TELEMETRY": "0"}
    if not (tree / ".yarn" / "cache").is_dir():  # committed: then nothing is downloaded
        env["YARN_ENABLE_GLOBAL_CACHE"] = "true"
    return Manager(
        "yarn",
        _version(program, tree),
        program,
        "yarn.lock",
        install=("install", "--immutable"),
        prune=("workspaces", "focus", "--all", "--production"),
        env=env,
        leavings=("**/node_modules/.yarn-state.yml", ".yarn/install-state.gz", ".yarn/build-state.yml"),
    )


def _yarn_settings(tree: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load((tree / ".yarnrc.yml").read_text())
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BuildFailed(f".yarnrc.yml: not YAML: {error}") from error
    return found if isinstance(found, dict) else {}


def _how_to_get(name: str, version: str) -> str:
    return f"`corepack enable` or `npm install --global {name}{'@' + version if version else ''}`"


def _program(name: str, node: Path, path: str, *, hint: str) -> tuple[str, ...]:
    """The manager beside this node, else the one on PATH."""
    found = shutil.which(name, path=os.pathsep.join([str(node.parent), path]))
    if found is None:
        raise BuildFailed(f"the app is installed by {name}, which is not on PATH", hint=hint)
    return (found,)


def _version(program: tuple[str, ...], tree: Path) -> str:
    """The manager's version, from the package.json it was installed with: starting it takes half a second."""
    script = Path(os.path.realpath(tree / program[-1]))
    for folder in script.parents[:4]:
        try:
            package = json.loads((folder / "package.json").read_text())
        except (OSError, ValueError):
            continue
        if isinstance(package, dict) and "version" in package:
            return f"{package['version']}"
    return script.name  # a file of the repository, such as yarn-4.1.0.cjs
