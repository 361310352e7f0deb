"""Which Python apps are built in a benchmark?  The demo's shop, and a Wagtail site as `wagtail start` makes it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.operators import HERE
from tests.apps import commit, wagtail_site


@dataclass(frozen=True)
class PythonApp:
    """An app's repository: `module` is where a line is changed; `collects` if it is a Django site."""

    name: str
    folder: Path
    module: str
    collects: bool = False

    def change_a_line(self, number: int) -> None:
        """Commit a change of one line."""
        path = self.folder / self.module
        text = path.read_text().partition("# change")[0]
        path.write_text(f"{text}# change {number}\n")
        commit(self.folder, f"Change {number}")


def shop(folder: Path, _: Path) -> PythonApp:
    """The demo's app."""
    shutil.copytree(HERE / "examples" / "shop", folder, ignore=shutil.ignore_patterns("__pycache__"))
    commit(folder, "The shop")
    return PythonApp("shop", folder, "shop/web.py")


def bakery(folder: Path, cache: Path) -> PythonApp:
    """The Wagtail site."""
    wagtail_site(folder, cache=cache)
    return PythonApp("bakery", folder, "bakery/urls.py", collects=True)


APPS: dict[str, Callable[[Path, Path], PythonApp]] = {"demo app": shop, "Wagtail site": bakery}
