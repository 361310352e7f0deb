"""Is it the same build when somebody else makes it?  In another folder, under another umask, time zone and date."""

import shutil
from pathlib import Path

from benchmarks.clock import timed
from benchmarks.operators import BIN, operator
from benchmarks.pythons import APPS
from benchmarks.results import COUNT, Line
from tests.e2e.deployed import Deployed

ONE = (0o022, {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}, [])
OTHER = (0o077, {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "2", "SOURCE_DATE_EPOCH": "1000000000"}, [])


def measure(folder: Path, _: int | None) -> list[Line]:
    """Each app built twice, with nothing in common but the commit."""
    lines = []
    clock = ["faketime", "-f", "+40h"] if shutil.which("faketime") else []
    for title, make in APPS.items():
        place = folder / title.split()[0]
        app = make(place / "app", folder / "made")
        elsewhere = place / "quite" / "another" / "folder of its own"
        shutil.copytree(app.folder, elsewhere, symlinks=True)
        one = operator(app.folder, place / "home", app.name)
        other = operator(elsewhere, place / "home of another", app.name)
        first = built(one, *ONE)
        second = built(other, *OTHER[:2], clock)
        lines.append(Line(f"{title}: lines in which the two manifests differ", [len(first ^ second)], COUNT, 0))
        lines.append(Line(f"{title}: entries of the build", [len(first) - 1], COUNT))
    return lines


def built(one: Deployed, umask: int, env: dict[str, str], before: list[str]) -> set[str]:
    """The lines of the manifest of a build made with nothing in any cache."""
    timed([*before, str(BIN / "deploy"), "build"], folder=one.folder, env={**one.environ, **env}, umask=umask)
    (manifest,) = (one.root / "builds").glob("*/manifest")
    return set(manifest.read_text().splitlines())
