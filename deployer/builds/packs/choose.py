"""Which pack builds this commit?

The table of the packs we ship; `pack: auto` takes the first that detects its ecosystem.  Third parties add packs
through the entry point group `deployer.packs`; these come after ours but before `static`, which is the most modest.
A pack's module is imported when it is asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import cast

from deployer.builds.packs import Pack
from deployer.core.errors import BuildFailed, SettingsError

GROUP = "deployer.packs"
STATIC = "static"
OURS = {
    "python": "deployer.builds.packs.python:PythonPack",
    "node": "deployer.builds.packs.node:NodePack",
    "static": "deployer.builds.packs.static:StaticPack",
    "commands": "deployer.builds.packs.commands:CommandsPack",
}


def choose(
    name: str, paths: frozenset[str], root: str = ".", outline: Path | None = None, *, starts: bool = False
) -> Pack:
    """The pack called `name`, or for `auto` the first that detects a commit with these file paths.

    Each looks at what is below `root`; `static`, which serves that folder, at all.  `outline` is a folder with the
    small files there: a package.json may be that of a static site, which Node builds and nothing runs, unless
    deploy.yaml `starts` a process by a command.
    """
    if name != "auto":
        return named(name)
    inside = paths if root == "." else frozenset(p[len(root) + 1 :] for p in paths if p.startswith(f"{root}/"))
    for pack in _candidates():
        if pack.detects(paths if pack.name == STATIC else inside):
            site = pack.name == "node" and not starts and outline is not None and _is_site(outline / root, inside)
            return _load(OURS[STATIC]) if site else pack
    raise BuildFailed(
        "no pack knows what this commit is: no lock file, requirements.txt, package.json or index.html at its top",
        hint="commit one of these, or say `pack: commands` under `build:` in deploy.yaml and list `commands:`",
    )


def _is_site(folder: Path, paths: frozenset[str]) -> bool:
    from deployer.builds.packs import node_site  # noqa: PLC0415 — a pack's modules are imported when asked for

    return node_site.is_site(folder, paths)


def named(name: str) -> Pack:
    """The pack called `name`; `SettingsError` if there is none."""
    if name in OURS:
        return _load(OURS[name])
    others = _others()
    if name in others:
        return _load(others[name])
    known = ["auto", *OURS, *others]
    near = difflib.get_close_matches(name, known, n=1)
    raise SettingsError(
        f"build.pack: there is no pack {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}",
    )


def _candidates() -> Iterator[Pack]:
    for name in ("python", "node"):
        yield _load(OURS[name])
    for where in _others().values():
        yield _load(where)
    yield _load(OURS["static"])


def _others() -> dict[str, str]:
    from importlib.metadata import entry_points  # noqa: PLC0415 — reads every installed package's metadata

    return {point.name: point.value for point in entry_points(group=GROUP) if point.name not in OURS}


def _load(where: str) -> Pack:
    module, _, name = where.partition(":")
    return cast("Pack", getattr(import_module(module), name)())
