"""The pages of the documentation: which there are, and how one is shown in the terminal (`deploy help TOPIC`)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOMS = ("", "howto", "reference", "explanation", "packs")


def folder() -> Path | None:
    """Where the pages are: beside the program once it is installed, else in its repository."""
    package = Path(__file__).parents[1]
    return next((place for place in (package / "docs", package.parent / "docs") if place.is_dir()), None)


def topics() -> dict[str, Path]:
    """Every page by its name: `rollback`, `deploy-yaml`."""
    root = folder()
    if root is None:
        return {}
    found = [page for room in ROOMS for page in sorted((root / room).glob("*.md"))]
    return {page.stem: page for page in found}


def listed() -> str:
    """The names of all pages, as `deploy help` ends with."""
    root, lines = folder(), []
    for room in ROOMS:
        names = [name for name, page in topics().items() if root and page.parent == root / room and name != "index"]
        if names:
            lines += [f"  {name}" for name in names]
    return "\nPages, shown by `deploy help PAGE`:\n" + "\n".join(lines) + "\n" if lines else ""


def show(page: Path) -> int:
    """Show a page: on a terminal with its headings and tables, through a pager if it is long; else as it is."""
    text = page.read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return 0
    import shutil
    import subprocess

    from rich.console import Console
    from rich.markdown import Markdown

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    console = Console(highlight=False, emoji=False, no_color=plain)
    with console.capture() as captured:
        console.print(Markdown(text, hyperlinks=False))
    shown = captured.get()
    pager = os.environ.get("PAGER") or shutil.which("less") or ""
    if not pager or os.environ.get("CI") or shown.count("\n") < console.height:
        sys.stdout.write(shown)
        return 0
    variables = {**os.environ, "LESS": os.environ.get("LESS") or "FRX"}
    return subprocess.run(["/bin/sh", "-c", pager], input=shown.encode(), env=variables, check=False).returncode and 0
