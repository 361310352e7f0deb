"""What is systemd to run?  The files in `run/systemd` are the truth: one for each process, named as its unit's end.

A unit starts only while its file is there, and reads its port from it.  The files are worth nothing after the host
was booted again: then it is `current` that names what is to run (agent/boot.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

from deployer.agent import durable, procfs
from deployer.agent.layout import Layout
from deployer.agent.unit_files import WANTED
from deployer.core.formation import Process

NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)@(\d+)-(\d+)\Z")


def read(files: Layout) -> list[Process]:
    """The processes that are to run since this boot."""
    found = (_process(path) for path in _paths(files))
    return [process for process in found if process is not None]


def add(files: Layout, process: Process) -> None:
    """From here on this process is to run."""
    lines = [f"BOOT={procfs.boot()}", f"RELEASE={process.release}", f"NUMBER={process.number}", f"PORT={process.port}"]
    durable.write(
        _path(files, process), "".join(f"{line}\n" for line in lines).encode(), mode=0o600, name="systemd.process"
    )


def remove(files: Layout, process: Process) -> None:
    """From here on this process is not to run."""
    durable.remove(_path(files, process), name="systemd.process")


def forget_earlier_boots(files: Layout) -> None:
    """Remove what was to run before the host was booted."""
    for path in _paths(files):
        if _process(path) is None:
            durable.remove(path, name="systemd.process")


def ending(process: Process) -> str:
    """How the files of a process are called: `web@100-1`."""
    return f"{process.type}@{process.release}-{process.number}"


def _path(files: Layout, process: Process) -> Path:
    return files.root / WANTED / ending(process)


def _paths(files: Layout) -> list[Path]:
    return [path for path in (files.root / WANTED).glob("*@*") if NAME.match(path.name)]


def _process(path: Path) -> Optional[Process]:
    match = NAME.match(path.name)
    try:
        values = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    except FileNotFoundError:  # removed just now: readers hold no lock
        return None
    if match is None or values.get("BOOT") != procfs.boot() or not values.get("PORT", "").isdigit():
        return None
    return Process(int(match.group(2)), match.group(1), int(match.group(3)), int(values["PORT"]))
