"""Where are the objects of a submodule's recorded commit?

In the repository that names it (`.git/modules/NAME`) or in the submodule's own work tree; nothing is ever fetched,
for a URL comes from the commit and can name a program.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deployer.builds.git import Git
from deployer.builds.source import git_directory
from deployer.core.errors import BuildFailed
from deployer.core.manifest import unsafe_path


@dataclass(frozen=True)
class Home:
    """A repository that may hold submodules: its git, where it keeps them, and its work tree if it has one."""

    git: Git
    directory: str
    work_tree: Path | None


def home(outer: Home, commit: str, path: str, recorded: str) -> Home:
    """The repository with the commit that `commit` of `outer` records for the submodule at `path`."""
    tree = outer.work_tree / path if outer.work_tree else None
    places = [git_directory(tree / ".git")] if tree else []
    name = _name(outer.git, commit, path)
    if name:
        places.append(f"{outer.directory}/modules/{name}")
    for place in places:
        if place and os.path.isfile(f"{place}/HEAD"):
            git = Git(place, outer.git.environment)
            if git.answers("cat-file", "-e", f"{recorded}^{{commit}}") is not None:
                return Home(git, place, tree)
    raise BuildFailed(
        f"commit {recorded[:12]} of the submodule {path} is not here",
        hint=f"`git submodule update --init --recursive -- {path}` brings it",
    )


def _name(git: Git, commit: str, path: str) -> str:
    """The name under which the commit's .gitmodules lists the submodule at `path`, or '' (also for an unsafe one)."""
    blob = f"--blob={commit}:.gitmodules"
    listed = git.answers("config", blob, "--no-includes", "-z", "--get-regexp", r"^submodule\..*\.path$") or b""
    for line in listed.split(b"\0"):
        key, _, value = line.partition(b"\n")
        if os.fsdecode(value) == path:
            name = os.fsdecode(key)[len("submodule.") : -len(".path")]
            return "" if unsafe_path(name) else name
    return ""
