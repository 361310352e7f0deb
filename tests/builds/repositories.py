"""Real git repositories, some of them hostile, and builds of them."""

import os
import subprocess
from pathlib import Path

from deployer.builds.build import build
from deployer.builds.making import Order
from deployer.builds.source import find
from deployer.builds.store import BuildStore
from deployer.core.manifest import ProcessType
from deployer.core.recipe import Recipe
from tests.apps.repository import ENV

AT = "2026-01-02T03:04:05Z"


class Repository:
    """A git repository in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments, text=None):
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.folder,
            env={**os.environ, **ENV},
            input=text,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def write(self, path, content="", *, mode=0o644):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)

    def commit(self, message="A change", **files):
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def blob(self, content):
        return self.git("hash-object", "-w", "--stdin", text=content)

    def tree(self, *entries):
        """A tree object of (mode, kind, id, name), of any names at all."""
        lines = b"".join(f"{mode} {kind} {oid}\t{name}".encode() + b"\0" for mode, kind, oid, name in entries)
        return self.git("mktree", "-z", "--missing", text=lines)

    def commit_tree(self, tree):
        commit = self.git("commit-tree", tree, "-m", "raw")
        self.git("update-ref", "refs/heads/raw", commit)
        return commit


def settle(procfile, conventions, _read):
    commands = dict(conventions if procfile is None else procfile)
    release = commands.pop("release", "")
    return tuple(ProcessType(name, command) for name, command in commands.items()), release, ""


def order(repository, ref="HEAD", *, recipe=None, **more):
    source = find(repository.folder)
    return Order(source, source.commit(ref), recipe or Recipe(pack="commands"), settle, **more)


def made(repository, root, ref="HEAD", *, recipe=None, environ=None, report=None, **more):
    """The build of a commit, in the store below `root`."""
    told = {"report": report} if report else {}
    return build(
        order(repository, ref, recipe=recipe, **more),
        BuildStore(root),
        environ=os.environ if environ is None else environ,
        at=AT,
        **told,
    )


def contents(root, build):
    """What a build holds: path to content, or to `-> target`."""
    store = BuildStore(root)
    found = {}
    for entry in store.manifest(build.id).entries:
        if hasattr(entry, "target"):
            found[entry.path] = f"-> {entry.target}"
        else:
            with store.open_object(entry) as file:
                found[entry.path] = file.read()
    return found
