"""How is a Node app built?  npm, pnpm or yarn as the lock file says, its build script, dev dependencies gone."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.builds.packs import Packed, Workshop, node_find, node_litter, node_managers
from deployer.core.errors import BuildFailed
from deployer.core.manifest import Runtime
from deployer.core.recipe import Recipe

LINK = ".deploy/bin/node"
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "workspaces")


class NodePack:
    """Builds what has a package.json: its dependencies in node_modules, and what its build script makes.

    `environ` (PATH, HOME, NVM_DIR) tells where node is looked for before there is a workshop.
    """

    name = "node"

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ

    def detects(self, paths: frozenset[str]) -> bool:
        """Whether there is a package.json at the top."""
        return "package.json" in paths

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """The versions of node and of the package manager, and the machine that binaries are made for."""
        del recipe
        node, manager = _tools(tree, read_package(tree), self.environ)
        return {
            "node": node.version,
            "node-abi": node.abi,
            "machine": node_find.machine(),
            manager.name: manager.version,
        }

    def pack(self, workshop: Workshop) -> Packed:
        """Install, build, prune, sweep."""
        node = assets(workshop)
        _link(node.executable, workshop.tree / LINK)
        return Packed(
            runtimes=(
                Runtime(
                    kind="node",
                    version=node.version,
                    abi=node.abi,
                    machine=node_find.machine(),
                    link=LINK,
                    match=workshop.recipe.match,
                ),
            ),
            path=(os.path.dirname(LINK), "node_modules/.bin"),
            env={"NODE_ENV": "production"},
            processes=processes(workshop.tree, read_package(workshop.tree)),
            console="node",
        )


def assets(workshop: Workshop) -> node_find.Node:
    """Vendor what package.json names and run its build script; the node that did it.

    This is all of the node pack, and what another pack calls for a front end beside its own app:
    before Django's collectstatic, which may take files from node_modules.
    """
    tree, script = workshop.tree, workshop.recipe.node.script
    package = read_package(tree)
    scripts = _scripts(package)
    if script and script != "build" and script not in scripts:
        raise BuildFailed(
            f"package.json has no script {script!r}, which build.node.script names",
            hint=f"it has: {', '.join(sorted(scripts)) or 'none'}",
        )
    node, manager = _tools(tree, package, workshop.env)
    _tell(workshop, package, node, manager)
    # This node before any other, also for what scripts start by `#!/usr/bin/env node`.
    path = os.pathsep.join([str(node.executable.parent), workshop.env.get("PATH", os.defpath)])
    asked = {name.lower() for name in workshop.env}
    kept = node_managers.caches(workshop.cache)
    env = {"PATH": path, **manager.env, **{name: place for name, place in kept.items() if name.lower() not in asked}}
    has_packages = any(package.get(kind) for kind in DEPENDENCIES)
    if has_packages:
        workshop.run([*manager.program, *manager.install], env=env)
    if script in scripts:
        production = {"NODE_ENV": workshop.env.get("NODE_ENV", "production")}
        workshop.run([*manager.program, "run", script], env={**env, **production})
    if has_packages:
        workshop.run([*manager.program, *manager.prune], env=env)
    node_litter.sweep(tree, manager.leavings)
    return node


def read_package(tree: Path) -> Mapping[str, Any]:
    """The app's package.json; `BuildFailed` says where it is wrong."""
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


def processes(tree: Path, package: Mapping[str, Any]) -> dict[str, str]:
    """The conventional `web`: the start script, else server.js, else the file that `main` names.

    The script's own text, without npm in between, where that comes to the same: npm costs time and memory, needs
    to be on the host, and stands between the process and its signals.
    """
    scripts = _scripts(package)
    start = scripts.get("start", "")
    if start:
        hooks = {"prestart", "poststart"} & scripts.keys()
        return {"web": "npm start" if hooks or "npm_" in start else start}
    if (tree / "server.js").is_file():  # what npm starts by default
        return {"web": "node server.js"}
    main = package.get("main")
    if isinstance(main, str) and (tree / main).is_file():
        return {"web": f"node {shlex.quote(main)}"}
    return {}


def _link(node: Path, link: Path) -> None:
    """Let the user's own commands, which come next, find the same node; a host puts a link of its own there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(node.absolute())


def _scripts(package: Mapping[str, Any]) -> dict[str, str]:
    scripts = package.get("scripts")
    return {k: v for k, v in scripts.items() if isinstance(v, str)} if isinstance(scripts, dict) else {}


def _tools(
    tree: Path, package: Mapping[str, Any], env: Mapping[str, str]
) -> tuple[node_find.Node, node_managers.Manager]:
    node = node_find.find(node_find.wishes(tree, package), env)
    return node, node_managers.choose(tree, package, node.executable, env.get("PATH", os.defpath))


def _tell(workshop: Workshop, package: Mapping[str, Any], node: node_find.Node, manager: node_managers.Manager) -> None:
    workshop.say(f"node {node.version} ({node.executable}), {manager.name} {manager.version}")
    for place, answer in node.answers.items():
        if answer == "unknown":
            workshop.say(f"warning: {place} was not checked: this node has no npm, whose rules for versions are used")
    name, _, version = str(package.get("packageManager") or "").partition("@")
    if name == "npm" and version.partition("+")[0] != manager.version:
        workshop.say(f"warning: package.json asks for {name} {version.partition('+')[0]}, {manager.version} is used")
    if not manager.lock and any(package.get(kind) for kind in DEPENDENCIES):
        workshop.say(
            "warning: the dependencies are not locked, so that the same commit can give another build tomorrow;"
            " run `npm install --package-lock-only` and commit package-lock.json"
        )
