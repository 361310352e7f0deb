"""How long until `deploy` says anything?  Beside an empty Python program, and beside `fab`."""

import subprocess
import sys
from pathlib import Path

from benchmarks.clock import alternating, cpus, ratios, timed, walls
from benchmarks.operators import BIN, PORT, TINY, deploying, operator
from benchmarks.results import COUNT, TIMES, Line
from tests.apps.tiny import tiny_app

HEAVY = ("rich", "fabric", "git", "paramiko")


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """`--help`, `--version`, and `ps` for information."""
    app = tiny_app(folder / "app")
    app.settings(TINY.format(port=PORT))
    one = operator(app.folder, folder / "home", "tiny")
    subjects = {
        "python": lambda: timed([sys.executable, "-c", "pass"]),
        "help": deploying(one, "--help"),
        "version": deploying(one, "--version"),
        "fab": lambda: timed([str(BIN / "fab"), "--version"]),
        "ps": deploying(one, "ps"),
    }
    taken = alternating(rounds or 15, subjects)
    wall = {name: walls(runs) for name, runs in taken.items()}
    cpu = {name: cpus(runs) for name, runs in taken.items()}
    return [
        Line("`python -c pass`", wall["python"]),
        Line("`deploy --help`", wall["help"]),
        Line("`deploy --help` : `python -c pass`", ratios(wall["help"], wall["python"]), TIMES, 7),
        Line("the same in CPU time", ratios(cpu["help"], cpu["python"]), TIMES, 7),
        Line("`deploy --version` : `python -c pass`", ratios(wall["version"], wall["python"]), TIMES, 7),
        Line("`fab --version`", wall["fab"]),
        Line("`deploy --help` : `fab --version`", ratios(wall["help"], wall["fab"]), TIMES, 1),
        Line(f"modules of {', '.join(HEAVY)} that `--help` imports", [heavy_imports()], COUNT, 0),
        Line("`deploy ps` of an app that was never released", wall["ps"]),
    ]


def heavy_imports() -> int:
    """How many modules of the heavy packages `deploy --help` imports."""
    command = [sys.executable, "-X", "importtime", str(BIN / "deploy"), "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}
    return sum(name.split(".")[0] in HEAVY for name in imported)
