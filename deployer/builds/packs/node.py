"""The pack of Node apps: npm, pnpm or yarn as the lock file says, its build script, dev dependencies gone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.builds.packs import (
    Hosts,
    Packed,
    Workshop,
    front_ends,
    matching,
    no_hosts,
    node_build,
    node_find,
    node_litter,
    node_package,
    node_start,
)
from deployer.builds.supply import Carried, Supply
from deployer.core import names
from deployer.core.interpreter import as_runtime
from deployer.core.manifest import Runtime
from deployer.core.recipe import Recipe

LINK = ".deploy/bin/node"
NPM_LINK = ".deploy/bin/npm"  # of a runtime that the build brings along


class NodePack:
    """Builds what has a package.json: its dependencies in node_modules, and what its build script makes.

    `environ` (PATH, HOME, NVM_DIR) tells where node is looked for before there is a workshop, `hosts` what hosts have.
    """

    name = "node"

    def __init__(self, environ: Mapping[str, str] | None = None, hosts: Hosts = no_hosts) -> None:
        self.environ = os.environ if environ is None else environ
        self.hosts = hosts
        self.supply: Supply | None = None

    def detects(self, paths: frozenset[str]) -> bool:
        """Whether there is a package.json at the top."""
        return "package.json" in paths

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """The versions of node and of the package manager, and the machine that binaries are made for."""
        package = node_build.read_package(tree)
        node, carried = self._choice(tree, package, recipe, self.environ)
        own = node_build.versions(tree, package, self.environ, node)
        runtime = {"runtime": names.short(carried.id)} if carried else {}
        return {**own, **runtime, **front_ends.inputs(tree, recipe, self.environ, top=False)}

    def outlook(self, tree: Path, recipe: Recipe) -> tuple[bool, str]:
        """Which node will run the app on the hosts, in a sentence; False where it may be none."""
        node = node_find.find(node_find.wishes(tree, node_build.read_package(tree)), self.environ)
        return matching.outlook("node", [node_find.as_interpreter(node)], self.hosts(), recipe, lambda _: True)

    def _choice(
        self, tree: Path, package: Mapping[str, Any], recipe: Recipe, env: Mapping[str, str]
    ) -> tuple[node_find.Node, Carried | None]:
        return node_find.choose(node_find.wishes(tree, package), env, self.hosts(), recipe, self.supply)

    def pack(self, workshop: Workshop) -> Packed:
        """Build the front ends beside it, then install, build, prune, sweep."""
        tree = workshop.tree
        dropped = front_ends.build(workshop, top=False)
        node, carried = self._choice(tree, node_build.read_package(tree), workshop.recipe, workshop.env)
        built = node_build.build(workshop, tree, workshop.recipe.node.script, node=node)
        node_build.prune(workshop, tree, built)
        node_litter.sweep(tree, built.manager.leavings)
        _link(built.node.executable, tree / LINK)
        started = node_start.start(tree, node_build.read_package(tree))
        if started.told and not (tree / "Procfile").exists():
            workshop.say(started.told)
        return Packed(
            runtimes=_runtimes(node, carried, workshop.recipe.match),
            path=(os.path.dirname(LINK), "node_modules/.bin"),
            env={"NODE_ENV": "production"},
            processes={"web": started.command} if started.command else {},
            console="node",
            dropped=dropped,
        )


def _runtimes(node: node_find.Node, carried: Carried | None, match: str) -> tuple[Runtime, ...]:
    if carried:
        return carried.runtime(LINK), carried.runtime(NPM_LINK, program=node_package.NPM)
    return (as_runtime(node_find.as_interpreter(node), link=LINK, match=match),)


def _link(node: Path, link: Path) -> None:
    """Let the user's own commands, which come next, find the same node; a host puts a link of its own there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(node.absolute())
