"""How is a folder of static files built?

As it is.  There is no `web` process unless the Procfile has one: a router serves files better than any process of
ours would.  Every process gets the folder's path, inside the build, as `STATIC_ROOT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployer.builds.packs import Packed, Workshop
from deployer.core.errors import BuildFailed
from deployer.core.manifest import unsafe_path
from deployer.core.recipe import Recipe

INDEX = "index.html"
PUBLIC = "public"


class StaticPack:
    """Static files at the top, in `public/`, or where `build.root` says."""

    name = "static"

    def detects(self, paths: frozenset[str]) -> bool:
        """By an index.html at the top or in `public/`, or a Staticfile."""
        return not paths.isdisjoint((INDEX, f"{PUBLIC}/{INDEX}", "Staticfile"))

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:  # noqa: ARG002 — the protocol's
        """Nothing beyond the commit and the recipe."""
        return {}

    def pack(self, workshop: Workshop) -> Packed:
        """Only say where the files are; whether they are there is known once `build.commands` have run."""
        root = workshop.recipe.root.strip("/") or "."
        if root != "." and unsafe_path(root):
            raise BuildFailed(f"build.root: {workshop.recipe.root!r} is no folder of the build", hint="")
        if root == "." and not (workshop.tree / INDEX).exists() and (workshop.tree / PUBLIC / INDEX).exists():
            root = PUBLIC
        if not (workshop.tree / root).is_dir() and not workshop.recipe.commands:
            raise BuildFailed(
                f"build.root: the commit has no folder {root!r}", hint="commit it, or build it by commands"
            )
        workshop.say(f"static files in {root}/" if root != "." else "static files at the top")
        return Packed(env={"STATIC_ROOT": root})
