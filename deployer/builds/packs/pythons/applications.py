"""Python web applications in a commit: the module and the name that a server is told to serve."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

WSGI = ("Flask", "Bottle", "get_wsgi_application")
ASGI = ("FastAPI", "Starlette", "Quart", "Litestar", "get_asgi_application")
MADE = re.compile(
    rf"^(?P<name>\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:\w+\.)*(?P<kind>{'|'.join((*WSGI, *ASGI))})\(", re.MULTILINE
)
FACTORY = re.compile(r"^def (?P<name>create_app|make_app)\((?P<needs>[^)]*)\)", re.MULTILINE)
FIRST = ("wsgi", "asgi", "app", "main", "application", "server", "run", "__init__")
ELSE = ("test", "tests", "docs", "examples", "migrations", "venv")
DEEPEST = 3


@dataclass(frozen=True)
class Application:
    """An application: `place` is what a server is told (`app:app`), `kind` who made it (`Flask`), `path` its file."""

    place: str
    kind: str
    path: str

    @property
    def asynchronous(self) -> bool:
        """Whether it speaks ASGI."""
        return self.kind in ASGI


def applications(paths: Iterable[str], read: Callable[[str], str]) -> list[Application]:
    """Those of a commit with these files, the likeliest first: near the top, in a file of a usual name."""
    found = []
    for path in sorted((path for path in paths if _is_candidate(path)), key=_distance):
        text, module = read(path), _module(path)
        found += [Application(f"{module}:{made['name']}", made["kind"], path) for made in MADE.finditer(text)]
        factory = None if found else FACTORY.search(text)
        if factory and all("=" in part for part in _parts(factory["needs"])):
            kind = next((kind for kind in (*ASGI, *WSGI) if f"{kind}(" in text), "Flask")
            found.append(Application(f"{module}:{factory['name']}()", kind, path))
    return found


def _parts(text: str) -> list[str]:
    return [part for part in text.split(",") if part.strip()]


def _is_candidate(path: str) -> bool:
    parts = path.split("/")
    hidden = any(part.startswith(".") or part in ELSE for part in parts)
    return path.endswith(".py") and len(parts) <= DEEPEST and not hidden and not parts[-1].startswith("test_")


def _distance(path: str) -> tuple[int, int, str]:
    stem = PurePosixPath(path).stem
    return path.count("/"), FIRST.index(stem) if stem in FIRST else len(FIRST), path


def _module(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
