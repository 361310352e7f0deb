"""How do a commit's dependencies come into `.venv`?

Third-party packages make a layer, which waits in a cache for the next build with the same lock file; the project
itself, if it is a package, is installed on top.  Where a lock leads into the tree there is no layer.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deployer.builds.packs import Workshop
from deployer.builds.packs.pythons import bytecode, editables, venv
from deployer.builds.packs.pythons.layers import Layers
from deployer.builds.packs.pythons.locks import Lock
from deployer.builds.packs.pythons.plans import Plan, plan
from deployer.builds.packs.pythons.project import is_package
from deployer.builds.packs.pythons.uv import Uv, safe_arguments, uv_version
from deployer.core.interpreter import Interpreter

SCRATCH = "scratch-"
ABANDONED = 24 * 3600  # seconds after which scratch can belong to no living build
FORM = "1"  # of a layer: a new number makes every cached one stale
IRRELEVANT = ("SOURCE_DATE_EPOCH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "PATH")  # differ from build to build


@dataclass(frozen=True)
class Vendoring:
    """One build's vendoring, with what all its steps need."""

    workshop: Workshop
    interpreter: Interpreter
    lock: Lock

    def run(self) -> None:
        """Put a stripped and compiled `.venv` into the tree."""
        workshop, uv = self.workshop, Uv(self.workshop, self.interpreter)
        target = workshop.tree / venv.FOLDER
        if target.is_symlink() or target.exists():
            workshop.say("the commit holds a .venv, which is replaced")
            shutil.rmtree(target)
        with tempfile.TemporaryDirectory(dir=workshop.cache, prefix=SCRATCH) as scratch:
            _sweep(workshop.cache, scratch)
            todo = plan(self.lock, uv, Path(scratch))
            if todo.identity is None:
                self._make(target, uv, todo)
            else:
                self._deliver(target, uv, todo)
        if todo.project and is_package(workshop.tree):
            self._install_project(target, uv)
        venv.check(target)

    def _deliver(self, target: Path, uv: Uv, todo: Plan) -> None:
        workshop = self.workshop
        layers = Layers(workshop.cache / "layers")
        key = self._key(todo)
        linked = not workshop.recipe.commands  # the user's own commands may write into files in place
        if layers.deliver(key, target, lambda folder: self._make(folder, uv, todo), linked=linked):
            workshop.say("the dependencies are as they were at an earlier build")

    def _make(self, target: Path, uv: Uv, todo: Plan) -> None:
        """Make a whole environment at `target`; not in the tree, where a build backend might pick it up."""
        with tempfile.TemporaryDirectory(dir=self.workshop.cache, prefix=SCRATCH) as place:
            made = uv.make(Path(place))
            todo.install(made)
            extra = self.workshop.recipe.python.extra
            if extra:
                uv.install(made, *safe_arguments(extra, "deploy.yaml: build.python.extra"))
            shutil.move(made, target)
        self._finish(target)

    def _finish(self, target: Path) -> None:
        venv.strip(target)
        editables.relocate(target, self.workshop.top)
        bytecode.compile_tree(
            target,
            shown=f"{bytecode.PREFIX}/{venv.FOLDER}",
            interpreter=self.interpreter,
            cache=self.cache("bytecode"),
        )

    def _install_project(self, target: Path, uv: Uv) -> None:
        tree = self.workshop.tree
        before = set(os.listdir(tree))
        venv.link_python(target, self.interpreter.path)
        uv.install(target, "--no-deps", str(tree))
        for name in set(os.listdir(tree)) - before:
            if name in ("build", "dist") or name.endswith(".egg-info"):
                shutil.rmtree(tree / name)  # what setuptools leaves in the source folder
        self._finish(target)

    def cache(self, name: str) -> Path:
        """A folder of the pack's cache."""
        folder = self.workshop.cache / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _key(self, todo: Plan) -> str:
        """What a layer's bytes depend on."""
        recipe, one = self.workshop.recipe, self.interpreter
        environment = {
            name: value
            for name, value in self.workshop.env.items()
            if name not in IRRELEVANT and name not in recipe.secrets
        }
        depends = [FORM, bytecode.FORM, todo.identity, one.version, one.abi, one.machine, one.path, uv_version()]
        whole = json.dumps(
            [*depends, list(recipe.python.extra), list(recipe.python.groups), list(recipe.python.extras), environment],
            sort_keys=True,
        )
        return hashlib.sha256(whole.encode()).hexdigest()


def _sweep(cache: Path, scratch: str) -> None:
    """Remove the scratch of builds that were killed; how old it is shows beside the scratch just made."""
    now = os.stat(scratch).st_mtime
    for entry in list(os.scandir(cache)):
        if entry.name.startswith(SCRATCH) and entry.stat(follow_symlinks=False).st_mtime < now - ABANDONED:
            shutil.rmtree(entry.path, ignore_errors=True)
