"""Which app is deployed?  4,700 files and 56 MB, the same bytes on every machine: code, stylesheets, images."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.apps.repository import commit

CODE, PAGES, ASSETS = 4230, 400, 60  # files of each kind; with the few by hand 4,700
WORDS = 3000
LIGHT = "worker: exec sleep 1000000\n"  # the light unit: up at once, and ended by SIGTERM at once
NAME = "bench"


@dataclass(frozen=True)
class App:
    """The repository in `folder`."""

    folder: Path

    def change_a_line(self, number: int) -> str:
        """Another value in one file of 2 kB; the commit's id."""
        (self.folder / "urls.py").write_text(f"RELEASE = {number}\n" + "path = 'here'\n" * 140)
        return commit(self.folder, f"Change {number}")

    def settings(self, text: str) -> str:
        """Another deploy.yaml; the commit's id."""
        (self.folder / "deploy.yaml").write_text(text)
        return commit(self.folder, "Settings")


def made(folder: Path) -> App:
    """The app, in an empty folder."""
    folder.mkdir(parents=True)
    chance = random.Random(4700)
    words = [_word(chance) for _ in range(WORDS)]
    for number in range(CODE):
        size = min(int(chance.lognormvariate(8.815, 1.1)), 200_000)  # a median of 6 kB, a mean of 11
        _put(folder / f"vendor/lib{number % 83:02}/part{number % 7}/module{number}.py", _text(chance, words, size))
    for number in range(PAGES):
        _put(folder / f"templates/{number % 20:02}/page{number}.html", _text(chance, words, chance.randrange(1, 8000)))
    for number in range(ASSETS):  # already compressed, as images and fonts are
        path = folder / f"static/{number % 10}/image{number}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(10_000, 100_000)))
    for name in ("README", "LICENSE", "manage.py", "settings.py", "asgi.py", "wsgi.py", "admin.py"):
        _put(folder / name, _text(chance, words, 3000))
    (folder / "Procfile").write_text(LIGHT)
    app = App(folder)
    app.change_a_line(0)
    return app


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _word(chance: random.Random) -> str:
    return "".join(chance.choices("etaoinshrdlucmfwyp_", k=chance.randrange(2, 12)))


def _text(chance: random.Random, words: list[str], size: int) -> str:
    """Lines that compress as source code does: to about a fifth."""
    lines: list[str] = []
    length = 0
    while length < size:
        if lines and chance.random() < 0.6:
            line = chance.choice(lines[-40:])
        else:
            line = "    " * chance.randrange(4) + " ".join(chance.choices(words[:: chance.choice((1, 10))], k=6))
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)[:size] + "\n"
