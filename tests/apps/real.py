"""What is the same for every real app: it is made once a machine, copied where a test wants it, and changed there."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .repository import commit


@dataclass(frozen=True)
class RealApp:
    """The repository at `folder`.

    `text` stands on the page at `/`, in the file `page`; `config` is what the app wants to know, with `{data}` for a
    folder that outlives releases.
    """

    folder: Path
    page: str
    text: str
    config: dict[str, str] = field(default_factory=dict)

    def configuration(self, data: Path) -> dict[str, str]:
        """The app's variables, with its data in this folder."""
        return {name: value.format(data=data) for name, value in self.config.items()}

    def one_line_change(self, text: str = "Changed by one line") -> str:
        """Commit another text of the page; the text."""
        page = self.folder / self.page
        lines = page.read_text().splitlines(keepends=True)
        (number,) = (i for i, line in enumerate(lines) if "<h1>" in line)
        before, _, rest = lines[number].partition("<h1>")
        lines[number] = f"{before}<h1>{text}</h1>{rest.partition('</h1>')[2]}"
        page.write_text("".join(lines))
        commit(self.folder, f"The page says: {text}")
        return text


def made_once(cache: Path, name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled, now or earlier; `recipe` is whatever it depends on.

    Made aside and renamed: tests in parallel may both make it, but none sees half of it.
    """
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    made = cache / f"{name}-{digest}"
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
        try:
            make(aside)
            try:
                os.rename(aside, made)
            except OSError:  # another test was faster
                if not made.exists():
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return made


def put(made: Path, folder: Path) -> None:
    """A copy of what was made, where the test wants it."""
    shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)
