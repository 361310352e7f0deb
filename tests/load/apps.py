"""Which apps does the load ask?  One for each usual server; each says its release, and takes 2 s for `/slow`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.apps.real import made_once, put
from tests.apps.repository import commit

SERVED = Path(__file__).with_name("served")
VENDORED = "gunicorn==27.0.1 uvicorn==0.54.0 h11==0.16.0 click==8.5.1"
WELL = ""
COMMANDS = {  # by name: how it binds its PORT, and how it takes its socket
    "gunicorn": (
        "PYTHONPATH=vendor python3 -m gunicorn wsgi:app --bind ${BIND:-0.0.0.0:$PORT} GTHREAD",
        "PYTHONPATH=vendor python3 -m gunicorn wsgi:app GTHREAD",
    ),
    "uvicorn": (
        "PYTHONPATH=vendor python3 -m uvicorn asgi:app --host ${HOST:-0.0.0.0} --port $PORT QUIET",
        "PYTHONPATH=vendor python3 serve.py",
    ),
    "uvicorn-plain": (
        "PYTHONPATH=vendor python3 -m uvicorn asgi:app --host ${HOST:-0.0.0.0} --port $PORT QUIET",
        "PYTHONPATH=vendor python3 -m uvicorn asgi:app --fd 3 QUIET",
    ),
    "node": ("exec node server.js", "node server.js"),
    "stdlib": ("exec python3 plain.py", "python3 plain.py"),
}
SHORT = {"GTHREAD": "--worker-class gthread --threads 200 --log-level warning", "QUIET": "--log-level warning"}


@dataclass(frozen=True)
class App:
    """The repository at `folder`; `change` commits."""

    folder: Path
    name: str

    def command(self, *, socket: bool) -> str:
        """How it is started."""
        text = COMMANDS[self.name][socket]
        for word, meant in SHORT.items():
            text = text.replace(word, meant)
        return text

    def settings(self, text: str) -> None:
        """Another deploy.yaml, with the next commit."""
        (self.folder / "deploy.yaml").write_text(text)

    def change(self, number: int, *, sick: str = WELL) -> None:
        """A commit that differs; `sick` as served/told.py has it."""
        (self.folder / "text.txt").write_text(f"{number}\n")
        (self.folder / "sick").write_text(f"{sick}\n")
        commit(self.folder, f"Change {number}")


def app(folder: Path, name: str, *, cache: Path) -> App:
    """The app in an empty folder; `cache` keeps what came from the registry."""
    shutil.copytree(SERVED, folder, ignore=shutil.ignore_patterns("__pycache__"))
    if name not in ("node", "stdlib"):
        put(made_once(cache, "vendored", VENDORED, _vendor), folder / "vendor")
    return App(folder, name)


def _vendor(folder: Path) -> None:
    """Nothing of these is compiled: one copy suits every host's Python."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python-version", "3.11", "--target", str(folder)]
    subprocess.run([*command, *VENDORED.split()], check=True, capture_output=True, timeout=120)
