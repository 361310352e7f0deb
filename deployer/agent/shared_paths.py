"""Shared paths: where in a release's tree each of them lies, also below a folder that the build has as a link."""

from __future__ import annotations

import posixpath

from deployer.core.errors import ReleaseRefused
from deployer.core.manifest import Link, Manifest
from deployer.core.release import SharedPath, Spec

MOST = 40  # links that are followed, as Linux does


def placed(spec: Spec, build: Manifest) -> dict[str, SharedPath]:
    """The shared paths by their place in the tree: `web/uploads` for `public/uploads`, where `public` is a link.

    `ReleaseRefused` names one for which the build has no such place.
    """
    if not spec.shared:
        return {}
    links = {entry.path: entry.target for entry in build.entries if isinstance(entry, Link)}
    files = {entry.path for entry in build.entries} - set(links)
    found: dict[str, SharedPath] = {}
    for shared in spec.shared:
        place = _resolved(shared.path, links, files)
        for path, other in found.items():
            if path == place or path.startswith(place + "/") or place.startswith(path + "/"):
                raise _refused(shared.path, f"it is the same place as {other.path}: the build has links between them")
        found[place] = shared
    return found


def _resolved(path: str, links: dict[str, str], files: set[str]) -> str:
    """`path` without links on the way to it; what it is itself does not matter, for the shared one takes its place."""
    parts, place, followed = path.split("/"), "", 0
    while len(parts) > 1:
        place = posixpath.normpath(posixpath.join(place, parts.pop(0)))
        if place in files:
            raise _refused(path, f"{place} is a file in the build")
        if place in links:
            followed += 1
            target = posixpath.normpath(posixpath.join(posixpath.dirname(place), links[place]))
            if followed > MOST or target.split("/")[0] == "..":
                raise _refused(path, f"{place} is a link that leads nowhere in the build")
            place, parts = "", [*(part for part in target.split("/") if part != "."), *parts]
    return posixpath.normpath(posixpath.join(place, parts[0]))


def _refused(path: str, why: str) -> ReleaseRefused:
    return ReleaseRefused(
        f"targets.*.shared: {path} has no place in this build: {why}",
        hint="name another path under `shared:` in deploy.yaml, or change the link in the repository",
    )
