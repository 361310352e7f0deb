"""A Node build: packages installed as the lock file says, the build script run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.builds.packs import Workshop, node_find, node_managers
from deployer.builds.packs.node_start import scripts_of
from deployer.core.errors import BuildFailed

DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "workspaces")


@dataclass(frozen=True)
class Built:
    """What built, and with which variables: for what comes after."""

    node: node_find.Node
    manager: node_managers.Manager
    env: Mapping[str, str]
    has_packages: bool


def build(
    workshop: Workshop, folder: Path, script: str, *, also: tuple[str, ...] = (), node: node_find.Node | None = None
) -> Built:
    """Vendor what package.json in `folder` names and run its `script` if it has that; `also` are folders for PATH.

    `node` is the one that builds where it is known; else the first that fits.
    """
    package = read_package(folder)
    scripts = scripts_of(package)
    if script and script != "build" and script not in scripts:
        raise BuildFailed(
            f"package.json has no script {script!r}, which build.node.script names",
            hint=f"it has: {', '.join(sorted(scripts)) or 'none'}",
        )
    node, manager = tools(folder, package, workshop.env, node)
    _tell(workshop, package, node, manager)
    # This node before any other, also for what scripts start by `#!/usr/bin/env node`.
    path = os.pathsep.join([str(node.executable.parent), *also, workshop.env.get("PATH", os.defpath)])
    asked = {name.lower() for name in workshop.env}
    kept = node_managers.caches(workshop.cache)
    if manager.name != "pnpm":
        del kept["npm_config_store_dir"]  # of which npm warns that it does not know it
    env = {"PATH": path, **manager.env, **{name: place for name, place in kept.items() if name.lower() not in asked}}
    if has_packages(package):
        workshop.run([*manager.program, *manager.install], cwd=folder, env=env)
    if script in scripts:
        production = {"NODE_ENV": workshop.env.get("NODE_ENV", "production")}
        workshop.run([*manager.program, "run", script], cwd=folder, env={**env, **production})
    return Built(node, manager, env, has_packages(package))


def prune(workshop: Workshop, folder: Path, built: Built) -> None:
    """Take the development dependencies away."""
    if built.has_packages:
        workshop.run([*built.manager.program, *built.manager.prune], cwd=folder, env=built.env)


def has_packages(package: Mapping[str, Any]) -> bool:
    """Whether there is anything to install."""
    return any(package.get(kind) for kind in DEPENDENCIES)


def read_package(tree: Path) -> Mapping[str, Any]:
    """The package.json of a folder; `BuildFailed` says where it is wrong."""
    try:
        package = json.loads((tree / "package.json").read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BuildFailed("there is no package.json in this commit", hint="the node pack needs one") from error
    except UnicodeDecodeError as error:
        raise BuildFailed("package.json: not UTF-8") from error
    except json.JSONDecodeError as error:
        raise BuildFailed(f"package.json:{error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(package, dict):
        raise BuildFailed("package.json: expected an object")
    return package


def tools(
    tree: Path, package: Mapping[str, Any], env: Mapping[str, str], node: node_find.Node | None = None
) -> tuple[node_find.Node, node_managers.Manager]:
    """The node and the package manager for the package.json in `tree`."""
    node = node or node_find.find(node_find.wishes(tree, package), env)
    return node, node_managers.choose(tree, package, node.executable, env.get("PATH", os.defpath))


def versions(
    tree: Path, package: Mapping[str, Any], env: Mapping[str, str], node: node_find.Node | None = None
) -> dict[str, str]:
    """The versions of node and of the package manager, and the machine that binaries are made for."""
    node, manager = tools(tree, package, env, node)
    return {
        "node": node.version,
        "node-abi": node.abi,
        "machine": node_find.machine(),
        manager.name: manager.version,
    }


def _tell(workshop: Workshop, package: Mapping[str, Any], node: node_find.Node, manager: node_managers.Manager) -> None:
    workshop.say(f"node {node.version} ({node.executable}), {manager.name} {manager.version}")
    for place, answer in node.answers.items():
        if answer == "unknown":
            workshop.say(f"warning: {place} was not checked: this node has no npm, whose rules for versions are used")
    name, _, version = str(package.get("packageManager") or "").partition("@")
    if name == "npm" and version.partition("+")[0] != manager.version:
        workshop.say(f"warning: package.json asks for {name} {version.partition('+')[0]}, {manager.version} is used")
    if not manager.lock and has_packages(package):
        workshop.say(
            "warning: the dependencies are not locked, so that the same commit can give another build tomorrow;"
            " run `npm install --package-lock-only` and commit package-lock.json"
        )
