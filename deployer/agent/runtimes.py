"""Where do the interpreters live that builds bring along?  `runtimes/ID`, one tree for all releases that name it.

A runtime arrives as a build does, is named by the digest of its content, and is laid out once: hard links into the
objects, read-only, complete before a rename puts it in place.
"""

from __future__ import annotations

import os
import posixpath

from deployer.agent import build_tree, durable, interpreters, transfer
from deployer.agent.layout import Layout
from deployer.agent.objects import Objects
from deployer.core.errors import NotFound, ReleaseRefused
from deployer.core.interpreter import foreign
from deployer.core.manifest import Runtime
from deployer.core.names import BUILD

READ_ONLY = 0o555


def place(files: Layout, runtime: Runtime) -> str:
    """Have the runtime laid out here; the target of a release's link to its program."""
    home = files.runtimes / runtime.vendored
    if home.is_dir() and altered(files, runtime):
        durable.remove(home, name="runtime")  # what runs from it has its files open
    if not home.is_dir():
        content = transfer.open_manifest(files, runtime.vendored)
        durable.make_directory(files.runtimes)
        part = durable.temporary(home)
        os.mkdir(part, 0o755)
        try:
            folders = build_tree.make_folders(part, [entry.path for entry in content.entries])
            objects = Objects(files.objects)
            for entry in content.entries:
                build_tree.make(entry, f"{part}/{entry.path}", objects)
            for folder in reversed(folders):
                os.chmod(folder, READ_ONLY)
            durable.sync_filesystem(part)
            durable.move(part, home, name="runtime")
        except BaseException:
            durable.remove_tree(part)
            raise
    return link(runtime)


def link(runtime: Runtime) -> str:
    """What the link of a release names: relative, so that a copied root still works."""
    ups = [".."] * (runtime.link.count("/") + 3)
    return posixpath.join(*ups, "runtimes", runtime.vendored, runtime.program)


def check_host(runtime: Runtime) -> None:
    """Refuse binaries that were made for another machine or for a newer C library than this host's."""
    reason = foreign(runtime, os.uname().machine, interpreters.libc())
    if reason:
        raise refusal(runtime, "this host", reason)


def refusal(runtime: Runtime, host: str, reason: str) -> ReleaseRefused:
    """That a build's binaries do not run on a host."""
    return ReleaseRefused(
        f"the build with {runtime.kind} {runtime.version} does not run on {host}: {reason}",
        hint="build it on a machine with the host's system or an older one, or bring the host to a newer system",
    )


def altered(files: Layout, runtime: Runtime) -> str:
    """The first path of a laid-out runtime that is missing or was altered; '' if all is as it was."""
    home = files.runtimes / runtime.vendored
    entries = transfer.open_manifest(files, runtime.vendored).entries
    return next((entry.path for entry in entries if not build_tree.fits(entry, f"{home}/{entry.path}")), "")


def named_by(files: Layout, builds: set[str]) -> set[str]:
    """The runtimes that these builds name."""
    found: set[str] = set()
    for build in builds:
        try:
            launch = transfer.open_manifest(files, build).launch
        except NotFound:
            continue
        found.update(runtime.get("vendored", "") for runtime in launch.get("runtimes", ()))
    return found - {""}


def sweep(files: Layout, needed: set[str]) -> None:
    """Remove the laid-out runtimes that nothing names any more."""
    try:
        present = sorted(os.listdir(files.runtimes))
    except FileNotFoundError:
        return
    for name in present:
        if name not in needed and (BUILD.match(name) or name.startswith(durable.TEMPORARY)):
            durable.remove(files.runtimes / name, name="prune")
