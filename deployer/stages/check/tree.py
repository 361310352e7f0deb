"""What did a process leave on the disk: in its release, as a pid file, as a log file?"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Marks = Mapping[str, tuple[int, int, int, int]]

LOG = re.compile(r"(\.log(\.\d+)?|(^|/)logs?/[^/]+)\Z", re.IGNORECASE)
_REFUSED = re.compile(r"Read-only file system|Permission denied|EROFS|EACCES|Errno (13|30)\b")
_RELATIVE = re.compile(r"""['"](?!/)[^'"/]*[^'"]*['"]""")
LARGEST_PID_FILE = 32


def snapshot(root: Path) -> Marks:
    """What is below `root`, with what changes when somebody writes to it; no link is followed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (".", *folders, *files):
            path = f"{folder}/{name}"
            with contextlib.suppress(FileNotFoundError):
                seen = os.lstat(path)
                found[os.path.relpath(path, root)] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ino)
    return found


def changes(before: Marks, after: Marks) -> list[str]:
    """The paths that were made, altered or removed; a folder only where nothing in it tells the same."""
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    parents = {os.path.dirname(path) or "." for path in touched}
    return sorted(path for path in touched if path not in parents)


def refusals(lines: Iterable[str], release: Path) -> list[str]:
    """The lines that complain of a write in the release, which a process started in it may name relatively."""
    return [
        line for line in lines if _REFUSED.search(line) and (str(release) in line or _RELATIVE.search(line) is not None)
    ]


def logs(paths: Iterable[str]) -> list[str]:
    """Those that are called as log files are."""
    return [path for path in paths if LOG.search(path)]


def open_logs(pids: Iterable[int]) -> list[str]:
    """The log files that these processes have open for writing."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    path = os.readlink(f"/proc/{pid}/fd/{name}")
                    if LOG.search(path) and _is_written(pid, name):
                        found.add(path)
    return sorted(found)


def _is_written(pid: int, descriptor: str) -> bool:
    if not stat.S_ISREG(os.stat(f"/proc/{pid}/fd/{descriptor}").st_mode):
        return False
    info = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text(encoding="ascii", errors="replace")
    flags = re.search(r"^flags:\s+([0-7]+)", info, re.MULTILINE)
    return flags is not None and int(flags.group(1), 8) & os.O_ACCMODE != os.O_RDONLY


def pid_files(folders: Sequence[Path], pids: Iterable[int]) -> list[str]:
    """Files called `*.pid` directly in these folders that hold the id of one of these processes."""
    ids, found = {str(pid) for pid in pids}, []
    for folder in folders:
        for path in sorted(folder.glob("*.pid")):
            with contextlib.suppress(OSError):
                if _start_of(path).strip() in ids:
                    found.append(str(path))
    return found


def _start_of(path: Path) -> str:
    """What a file begins with; '' of anything else, which to open could take for ever, and of a link to elsewhere."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, LARGEST_PID_FILE).decode(errors="replace") if regular else ""
    finally:
        os.close(descriptor)
