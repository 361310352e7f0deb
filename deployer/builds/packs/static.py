"""The pack of static sites: a folder of files is a build as it is.

Its `web` is our own small server of files, which every release brings along (agent/static_server.py).  A router that
stands on the same host serves the files itself.  Every process gets the folder's path, inside the build, as
`STATIC_ROOT`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from deployer.builds.packs import Packed, Workshop
from deployer.core.errors import BuildFailed
from deployer.core.manifest import unsafe_path
from deployer.core.recipe import Recipe

NAME, INDEX = "static", "index.html"
FOLDERS = ("public", "dist", "_site", "site", "www", "html", "out", "build")  # where site generators put what they make
MARK = "Staticfile"
OURS = ("deploy.yaml", "deploy.yml", "Procfile", MARK)  # what is at the top for us is no page of the site
SERVER = "python3 -IS ../agent.pyz"  # a process begins in its release's `app`


class StaticPack:
    """Static files at the top, in a folder of the usual names, or where `build.root` says."""

    name = NAME

    def detects(self, paths: frozenset[str]) -> bool:
        """By an index.html at the top or in one of the usual folders, or a Staticfile."""
        return not paths.isdisjoint((INDEX, MARK, *(f"{folder}/{INDEX}" for folder in FOLDERS)))

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:  # noqa: ARG002 — the protocol's
        """Nothing beyond the commit and the recipe."""
        return {}

    def pack(self, workshop: Workshop) -> Packed:
        """Only say where the files are; whether they are there is known once `build.commands` have run."""
        root = root_of(workshop.tree, workshop.recipe)
        if not (workshop.tree / root).is_dir() and not workshop.recipe.commands:
            raise BuildFailed(
                f"build.root: the commit has no folder {root!r}", hint="commit it, or build it by commands"
            )
        if root == ".":
            for name in OURS:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(workshop.tree / name)
        workshop.say(f"static files in {root}/" if root != "." else "static files at the top")
        return Packed(env={"STATIC_ROOT": root}, processes=processes(root, workshop.recipe))


def root_of(tree: Path, recipe: Recipe) -> str:
    """The folder that is served: as `build.root` says, or the first that has an index.html; `.` is the top."""
    root = recipe.root.strip("/") or "."
    if root != "." and unsafe_path(root):
        raise BuildFailed(f"build.root: {recipe.root!r} is no folder of the build", hint="")
    if root == "." and not (tree / INDEX).exists():
        return next((folder for folder in FOLDERS if (tree / folder / INDEX).exists()), root)
    return root


def processes(root: str, recipe: Recipe, *, server: str = SERVER) -> dict[str, str]:
    """The `web` that serves the folder."""
    more = ["--fallback", recipe.static.fallback] if recipe.static.fallback else []
    return {"web": f"{server} static {shlex.join([root, *more])}"}
