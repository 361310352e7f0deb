"""The pack of static sites: a folder of files is a build as it is, or what a front end's build makes of it.

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

from deployer.builds.packs import Packed, Workshop, front_ends, node_build, node_site
from deployer.builds.packs.node_start import scripts_of
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

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ

    def detects(self, paths: frozenset[str]) -> bool:
        """By an index.html at the top or in one of the usual folders, or a Staticfile."""
        return not paths.isdisjoint((INDEX, MARK, *(f"{folder}/{INDEX}" for folder in FOLDERS)))

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """The tools that build its front ends, if it has some; else nothing beyond the commit and the recipe."""
        return front_ends.inputs(tree, recipe, self.environ, site=_site(tree, recipe))

    def pack(self, workshop: Workshop) -> Packed:
        """Build its front ends, and say where the files are, which is known once `build.commands` have run."""
        tree, recipe = workshop.tree, workshop.recipe
        site = _site(tree, recipe)
        before = node_site.pages(tree / site)
        planned = front_ends.plan(tree, recipe, site=site)
        dropped = front_ends.build(workshop, site=site)
        root = root_of(tree, recipe)
        if site in planned.built and recipe.root in (".", site):
            needed = not recipe.commands and node_site.is_site(tree / site, frozenset())
            made = _made(tree / site, before, needed=needed)
            root = os.path.normpath(f"{site}/{made}") if made else root
        if not (tree / root).is_dir() and not recipe.commands:
            raise BuildFailed(
                f"build.root: the commit has no folder {root!r}", hint="commit it, or build it by commands"
            )
        if root == ".":
            for name in OURS:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(tree / name)
        workshop.say(f"static files in {root}/" if root != "." else "static files at the top")
        return Packed(env={"STATIC_ROOT": root}, processes=processes(root, recipe), dropped=dropped)


def _site(tree: Path, recipe: Recipe) -> str:
    """The folder whose package.json makes the site or adds to it: what `build.root` names, or the top; '' for none."""
    for folder in (recipe.root.strip("/") or ".", front_ends.TOP):
        package = tree / folder / front_ends.PACKAGE
        if package.is_file() and node_site.SCRIPT in scripts_of(node_build.read_package(package.parent)):
            return folder
    return ""


def _made(tree: Path, before: frozenset[str], *, needed: bool) -> str:
    """The folder with the site that the front end at the top made."""
    made = node_site.output(tree, before)
    if needed and not made:
        raise BuildFailed(
            f"the build script of package.json made no {INDEX} in {', '.join(node_site.OUTPUTS)}",
            hint="`build: {root: FOLDER}` in deploy.yaml says where the site is; an app with a server of its own has a"
            " script `start`, or a Procfile with a `web` line",
        )
    return made


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
