"""How is a Python app built?  Its packages vendored by uv into a `.venv` that may lie anywhere, and compiled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deployer.agent.interpreters import Interpreter, as_runtime, installed
from deployer.builds.packs import Packed, Workshop, front_ends
from deployer.builds.packs.pythons import bytecode, django, editables, venv
from deployer.builds.packs.pythons.locks import deciding, is_python
from deployer.builds.packs.pythons.uv import uv_version
from deployer.builds.packs.pythons.vendor import Vendoring
from deployer.builds.packs.pythons.versions import NOTHING, chosen, wish
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe


class PythonPack:
    """The python pack.  `environ` (PATH, HOME) tells where interpreters are looked for."""

    name = "python"

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ

    def detects(self, paths: frozenset[str]) -> bool:
        """Whether a commit with these file paths is a Python app."""
        return is_python(paths)

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """The interpreter, uv, and the kind of lock file."""
        one = self._interpreter(tree, recipe)
        return {
            "python": one.version,
            "abi": one.abi,
            "machine": one.machine,
            "uv": uv_version(),
            "lock": self._kind_of_lock(tree, recipe),
            **front_ends.inputs(tree, recipe, self.environ),
        }

    def pack(self, workshop: Workshop) -> Packed:
        """Vendor the dependencies, build front ends, collect Django's static files, compile every module."""
        tree, recipe = workshop.tree, workshop.recipe
        lock = deciding(os.listdir(tree), recipe)
        one = self._interpreter(tree, recipe)
        workshop.say(f"Python {one.version}, dependencies from {lock.path}")
        venv.drop_bytecode(workshop.top, beside=frozenset({venv.FOLDER}))
        work = Vendoring(workshop, one, lock)
        try:
            work.run()
        except BuildFailed as failed:
            failed.details["python"] = self._choice(tree, recipe, one)
            raise
        venv.link_python(tree / venv.FOLDER, one.path)  # for the user's commands too; no part of the build
        dropped = front_ends.build(workshop)  # before collectstatic, which takes what they made
        is_django = django.is_django(tree)
        if is_django and recipe.python.collectstatic:
            django.collect(workshop)
        venv.drop_bytecode(workshop.top, beside=frozenset({venv.FOLDER}))
        bytecode.compile_tree(
            workshop.top,
            shown=bytecode.PREFIX,
            interpreter=one,
            cache=work.cache("bytecode"),
            checked=bool(recipe.commands),  # they come after, and may change a module
        )
        sites = venv.site_packages(tree / venv.FOLDER)
        web = django.web_process(tree) if is_django else ""
        return Packed(
            runtimes=(as_runtime(one, link=venv.PYTHON, match=recipe.match),),
            path=(f"{venv.FOLDER}/bin",),
            env={"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            processes={"web": web} if web else {},
            console="python manage.py shell" if is_django else "python",
            dropped=dropped,
            proof=editables.proof(venv.PYTHON, str(sites[0].relative_to(tree))) if sites else (),
        )

    def _kind_of_lock(self, tree: Path, recipe: Recipe) -> str:
        try:
            return deciding(os.listdir(tree), recipe).kind
        except BuildFailed:
            if recipe.before:
                return "made by build.before"
            raise

    def _interpreter(self, tree: Path, recipe: Recipe) -> Interpreter:
        return chosen(wish(tree, recipe), self._installed())

    def _installed(self) -> Sequence[Interpreter]:
        return installed("python", cache=self._probes(), environ=self.environ)

    def _choice(self, tree: Path, recipe: Recipe, one: Interpreter) -> dict[str, Any]:
        """Which Python was taken, who asked for it ('' for nobody), and which there are: for a diagnosis."""
        source = wish(tree, recipe).source
        here = [each.version for each in self._installed()]
        return {"version": one.version, "asked_by": "" if source == NOTHING else source, "here": here}

    def _probes(self) -> Path:
        home = self.environ.get("HOME") or os.path.expanduser("~")
        return Path(self.environ.get("XDG_CACHE_HOME") or f"{home}/.cache") / "deployer" / "interpreters.json"
