"""How long does a build of a Python app take with warm caches?  Beside uv with the same lock file, and `tar -c`."""

import os
import shutil
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks.clock import Taken, alternating, cpus, one_after_the_other, ratios, timed, walls
from benchmarks.operators import BIN, deploying, operator
from benchmarks.pythons import APPS, PythonApp
from benchmarks.results import TIMES, Line
from deployer.agent import durable
from tests.e2e.deployed import Deployed

GOAL = 1.3
SETTINGS = {"SECRET_KEY": "for-collectstatic-only"}


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """Each app's build after a change of one line, with ever fewer caches."""
    lines = []
    for title, make in APPS.items():
        place = folder / title.split()[0]
        app = make(place / "app", folder / "made")
        one = operator(app.folder, place / "home", app.name)
        one.deploy("build")
        plain = Plain(app, place / "plain")
        plain.make()
        plain.make(compiled=True)
        lines += of_app(title, app, one, plain, rounds or (2 if app.collects else 3))
    return lines


def of_app(title: str, app: PythonApp, one: Deployed, plain: "Plain", rounds: int) -> list[Line]:
    """The table's lines for one app."""
    changes = count(1)

    def build(*dropped: str) -> Callable[[], Taken]:
        def subject() -> Taken:
            app.change_a_line(next(changes))
            for name in dropped:
                drop(one.root / "cache" / "python" / name)
            return deploying(one, "build", "--quiet")()

        return subject

    subjects = {
        "uv + tar": plain.make,
        "(a) layer at hand": build(),
        "(b) no layer, bytecode cached": build("layers"),
        "(c) uv's cache alone": build("layers", "bytecode"),
        plain.all_of_it: lambda: plain.make(compiled=True),
    }
    taken = alternating(rounds, subjects)
    lines = [Line(f"{title}: {name}", walls(runs)) for name, runs in taken.items()]
    for base, goal in (("uv + tar", GOAL), (plain.all_of_it, None)):
        for name in ("(a) layer at hand", "(b) no layer, bytecode cached", "(c) uv's cache alone"):
            what = f"{title}: {name} : {base}"
            lines += [
                Line(what, ratios(walls(taken[name]), walls(taken[base])), TIMES, None if "(c)" in name else goal),
                Line(f"{what}, in CPU time", ratios(cpus(taken[name]), cpus(taken[base])), TIMES),
            ]
    return lines


class Plain:
    """The same environment by uv alone, then one tar archive of it and the app; a new one at every call."""

    def __init__(self, app: PythonApp, place: Path) -> None:
        self.app, self.place, self._made = app, place, 0
        self.all_of_it = "uv + compiling" + (" + collectstatic" if app.collects else "") + " + tar"
        place.mkdir()

    def make(self, *, compiled: bool = False) -> Taken:
        """Environment and archive; `compiled`: with bytecode and static files, which ours has too."""
        self._made += 1
        home = self.place / str(self._made)
        shutil.copytree(self.app.folder, home, ignore=shutil.ignore_patterns(".git", "static", "__pycache__"))
        env = {**os.environ, **SETTINGS, "UV_CACHE_DIR": str(self.place / "cache"), "VIRTUAL_ENV": str(home / ".venv")}
        env |= {"UV_PYTHON_DOWNLOADS": "never", "UV_COMPILE_BYTECODE": "1" if compiled else "0"}
        env.pop("PYTHONPATH", None)
        uv = str(BIN / "uv")
        steps = [
            [uv, "venv", "--quiet", "--python", sys.executable, ".venv"],
            [uv, "pip", "install", "--quiet", "--require-hashes", "-r", "requirements.txt"],
        ]
        if compiled and self.app.collects:
            steps.append([".venv/bin/python", "manage.py", "collectstatic", "--noinput"])
        steps.append(["tar", "-c", "-f", f"../{self._made}.tar", "."])
        return one_after_the_other(*(lambda step=step: timed(step, folder=home, env=env) for step in steps))


def drop(cache: Path) -> None:
    """Remove a folder of the pack's cache."""
    if cache.is_dir():
        durable.remove_tree(str(cache))
