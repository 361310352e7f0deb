"""The pack of Node apps: npm, pnpm or yarn as the lock file says, its build script, dev dependencies gone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deployer.builds.packs import Packed, Workshop, front_ends, node_build, node_find, node_litter, node_start
from deployer.core.manifest import Runtime
from deployer.core.recipe import Recipe

LINK = ".deploy/bin/node"


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
        package = node_build.read_package(tree)
        own = node_build.versions(tree, package, self.environ)
        return {**own, **front_ends.inputs(tree, recipe, self.environ, top=False)}

    def pack(self, workshop: Workshop) -> Packed:
        """Build the front ends beside it, then install, build, prune, sweep."""
        tree = workshop.tree
        dropped = front_ends.build(workshop, top=False)
        built = node_build.build(workshop, tree, workshop.recipe.node.script)
        node_build.prune(workshop, tree, built)
        node_litter.sweep(tree, built.manager.leavings)
        _link(built.node.executable, tree / LINK)
        started = node_start.start(tree, node_build.read_package(tree))
        if started.told and not (tree / "Procfile").exists():
            workshop.say(started.told)
        return Packed(
            runtimes=(
                Runtime(
                    kind="node",
                    version=built.node.version,
                    abi=built.node.abi,
                    machine=node_find.machine(),
                    link=LINK,
                    match=workshop.recipe.match,
                ),
            ),
            path=(os.path.dirname(LINK), "node_modules/.bin"),
            env={"NODE_ENV": "production"},
            processes={"web": started.command} if started.command else {},
            console="node",
            dropped=dropped,
        )


def _link(node: Path, link: Path) -> None:
    """Let the user's own commands, which come next, find the same node; a host puts a link of its own there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(node.absolute())
