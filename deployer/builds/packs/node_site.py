"""Static sites that Node builds: which commits are one, and where the built files lie afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from deployer.builds.packs import node_build, node_start

SCRIPT = "build"
INDEX = "index.html"
SOURCES = (INDEX, f"public/{INDEX}", f"src/{INDEX}", f"app/{INDEX}", f"static/{INDEX}")
GENERATORS = {  # what they build is files
    *("vite", "react-scripts", "vue-cli-service", "ng", "parcel", "astro", "gatsby", "docusaurus", "vitepress", "hexo"),
    *(
        "vuepress",
        "eleventy",
        "@11ty/eleventy",
        "ember",
        "gridsome",
        "react-app-rewired",
        "craco",
        "rsbuild",
        "snowpack",
    ),
}
BUNDLERS = {"webpack", "rollup", "esbuild", "rspack", "gulp", "grunt", "brunch"}  # of sites and of servers
OUTPUTS = (
    "dist",
    "build",
    "out",
    "_site",
    "public",
    "www",
    ".output/public",
    ".vitepress/dist",
    "docs/.vitepress/dist",
)


def is_site(tree: Path, paths: frozenset[str]) -> bool:
    """Whether the build script of the package.json in `tree` makes a site of files, and nothing in it is a server.

    `tree` has at least the files at the commit's top.  A Procfile says how the app runs: then it is none.
    """
    if not (tree / "package.json").is_file() or "Procfile" in paths:
        return False
    package = node_build.read_package(tree)
    scripts = node_start.scripts_of(package)
    if SCRIPT not in scripts:
        return False
    found = node_start.start(tree, package)
    if found.command and not found.doubtful:
        return False
    words = set(re.findall(r"[@\w./-]+", " ".join(text for name, text in scripts.items() if name.startswith(SCRIPT))))
    return bool(words & GENERATORS or (words & BUNDLERS and paths.intersection(SOURCES)))


def pages(tree: Path) -> frozenset[str]:
    """The folders with an index.html in which a build may put its output; to be asked before it and after."""
    return frozenset(folder for folder in _outputs(tree) if (tree / folder / INDEX).is_file())


def output(tree: Path, before: frozenset[str]) -> str:
    """The folder with the site that was built, '' where there is none; `before` had an index.html before the build."""
    there = [folder for folder in _outputs(tree) if (tree / folder / INDEX).is_file()]
    return next((folder for folder in there if folder not in before), there[0] if there else "")


def _outputs(tree: Path) -> Iterator[str]:
    yield from OUTPUTS
    for inner in sorted((tree / "dist").glob(f"*/{INDEX}")) + sorted((tree / "dist").glob(f"*/browser/{INDEX}")):
        yield str(inner.parent.relative_to(tree))  # Angular's
