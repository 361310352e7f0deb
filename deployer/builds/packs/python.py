"""How is a Python app built?  Its packages vendored by uv into a `.venv` that may lie anywhere, and compiled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deployer.agent.interpreters import installed
from deployer.builds import elf
from deployer.builds.packs import Hosts, Offer, Packed, Workshop, front_ends, matching, no_hosts
from deployer.builds.packs.pythons import bytecode, django, editables, markers, standalone, venv
from deployer.builds.packs.pythons.locks import Lock, deciding, is_python
from deployer.builds.packs.pythons.uv import uv_version
from deployer.builds.packs.pythons.vendor import Vendoring
from deployer.builds.packs.pythons.versions import NOTHING, OLDEST, Wish, candidates, fitting_ones, wish
from deployer.builds.supply import Supply
from deployer.core import names
from deployer.core.errors import BuildFailed, ReleaseRefused
from deployer.core.interpreter import Interpreter, as_runtime
from deployer.core.manifest import Runtime
from deployer.core.recipe import Recipe


class PythonPack:
    """The python pack.  `environ` (PATH, HOME) tells where interpreters are looked for, `hosts` what the hosts have."""

    name = "python"

    def __init__(self, environ: Mapping[str, str] | None = None, hosts: Hosts = no_hosts) -> None:
        self.environ = os.environ if environ is None else environ
        self.hosts = hosts
        self.supply: Supply | None = None
        self._chosen: matching.Choice | None = None

    def detects(self, paths: frozenset[str]) -> bool:
        """Whether a commit with these file paths is a Python app."""
        return is_python(paths)

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """The interpreter, uv, and the kind of lock file."""
        choice = self._choice(tree, recipe)
        one = choice.interpreter
        return {
            **({"runtime": names.short(choice.carried.id)} if choice.carried else {}),
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
        choice = self._choice(tree, recipe)
        one = choice.interpreter
        workshop.say(f"Python {one.version}, dependencies from {lock.path}")
        venv.drop_bytecode(workshop.top, beside=frozenset({venv.FOLDER}))
        work = Vendoring(workshop, one, lock)
        try:
            work.run()
        except BuildFailed as failed:
            failed.details["python"] = self._told(tree, recipe, one)
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
            runtimes=(self._runtime(workshop, choice, lock),),
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

    def _installed(self) -> Sequence[Interpreter]:
        return installed("python", cache=self._probes(), environ=self.environ)

    def _told(self, tree: Path, recipe: Recipe, one: Interpreter) -> dict[str, Any]:
        """Which Python was taken, who asked for it ('' for nobody), and which there are: for a diagnosis."""
        source = wish(tree, recipe).source
        here = [each.version for each in self._installed()]
        return {"version": one.version, "asked_by": "" if source == NOTHING else source, "here": here}

    def _runtime(self, workshop: Workshop, choice: matching.Choice, lock: Lock) -> Runtime:
        """What the build needs of a host, with the patch levels that its packages do not run on."""
        recipe, tree, one = workshop.recipe, workshop.tree, choice.interpreter
        glibc = elf.glibc_of(tree / venv.FOLDER)
        if choice.carried:
            return choice.carried.runtime(venv.PYTHON, glibc=glibc)
        asked = wish(tree, recipe)
        python = (asked.hosts or asked.spec).removesuffix(OLDEST).rstrip(",")
        asking = markers.app(tree, lock, recipe.python, python, top=workshop.top)
        unfit = markers.unfit(tree, one, asking)
        return as_runtime(one, link=venv.PYTHON, match=recipe.match, unfit=unfit, glibc=glibc)

    def _choice(self, tree: Path, recipe: Recipe) -> matching.Choice:
        """The Python that builds: for hosts one that they have, or that the build brings along; else the newest."""
        if self._chosen is None:
            here, asked = self._installed(), wish(tree, recipe)
            offers, supply = self.hosts(), self.supply
            if not offers or supply is None:
                self._chosen = matching.Choice(candidates(asked, here)[0])
            else:
                self._chosen = self._for_hosts(here, asked, offers, recipe, supply)
        return self._chosen

    def outlook(self, tree: Path, recipe: Recipe) -> tuple[bool, str]:
        """Which Python will run the app on the hosts, in a sentence; False where it may be none."""
        here, asked = self._installed(), wish(tree, recipe)
        return matching.outlook("python", fitting_ones(asked, here), self.hosts(), recipe, asked.allows_host)

    @staticmethod
    def _for_hosts(
        here: Sequence[Interpreter], asked: Wish, offers: Sequence[Offer], recipe: Recipe, supply: Supply
    ) -> matching.Choice:
        fitting = fitting_ones(asked, here)
        preferred = fitting[0].version if fitting else ""

        def refuse(told: str) -> ReleaseRefused:
            wanted = "" if asked.spec == OLDEST else asked.spec.removesuffix(f",{OLDEST}")
            return matching.refusal(
                "python", here, offers, wanted=wanted, wanted_by=asked.source, how=recipe.match, told=told
            )

        choice = matching.choose(
            fitting,
            offers,
            recipe,
            allows=asked.allows_host,
            carry=lambda: standalone.carried(supply, asked.allows, preferred),
            refuse=refuse,
        )
        if choice.told:
            supply.report("done", f"Python {choice.interpreter.version} is used, which the hosts have: {choice.told}")
        return choice

    def _probes(self) -> Path:
        home = self.environ.get("HOME") or os.path.expanduser("~")
        return Path(self.environ.get("XDG_CACHE_HOME") or f"{home}/.cache") / "deployer" / "interpreters.json"
