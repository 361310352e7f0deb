"""How long after `deploy rollback` was typed does `current` name the earlier release?  Its boot comes later."""

import os
from pathlib import Path

from benchmarks.clock import Taken, cpus, walls
from benchmarks.operators import PORT, TINY, deploying, operator
from benchmarks.results import Line
from tests.apps.tiny import tiny_app
from tests.e2e.deployed import Deployed

FILES = 5000


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """From the second release back to the first, and forward again, with its process running."""
    lines = []
    for name, files in (("small", 0), ("large", FILES)):
        app = tiny_app(folder / name)
        app.settings(TINY.format(port=PORT))
        if files:
            app.fill(files)
        app.say("first")
        one = operator(app.folder, folder / f"home-{name}", "tiny")
        try:
            one.deploy("ship")
            app.say("second")
            one.deploy("ship")
            taken, switched = back_and_forth(one, rounds or 7)
        finally:
            one.end()
        of = f"{files or 'ten'} files"
        lines += [
            Line(f"from the command's start to `current` switched, {of}", switched, goal=0.5),
            Line(f"the whole command, the app's boot and check included, {of}", walls(taken)),
            Line(f"CPU time of the whole command, {of}", cpus(taken)),
        ]
    return lines


def back_and_forth(one: Deployed, rounds: int) -> tuple[list[Taken], list[float]]:
    """The rollbacks, and for each the seconds until the switch."""
    taken, switched = [], []
    for _ in range(rounds):
        run = deploying(one, "rollback", "--quiet")()
        taken.append(run)
        assert one.current() == "v1"
        switched.append(os.lstat(one.root / "current").st_ctime - run.begun)
        one.deploy("run", "v2")
    return taken, switched
