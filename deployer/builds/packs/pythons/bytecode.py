"""How does every module of a build get its bytecode, the same bytes every time?

The work is done by the app's interpreter (`compile_script.py`); here each file is looked up in a cache first, by the
digest of its source, the name that tracebacks show and the interpreter, for a change of one line must not compile
thousands of files again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.agent import durable
from deployer.agent.objects import is_ours
from deployer.core.errors import BuildFailed
from deployer.core.interpreter import Interpreter

PREFIX = "/app"  # where a build seems to lie, in tracebacks: the true folder differs from release to release
SCRIPT = Path(__file__).with_name("compile_script.py")
FORM = "1"  # of the bytes that the script writes: a new number makes every cached file stale
MANY = 500  # new files: then is the time to look for old ones
UNUSED = 60 * 24 * 3600  # seconds after which a cached file goes
SKIPPED = ("__pycache__", "node_modules", ".git")


@dataclass(frozen=True)
class Job:
    """One module to compile: `shown` is the name of its file in tracebacks."""

    source: str
    target: str
    shown: str
    cached: str


def compile_tree(folder: Path, *, shown: str, interpreter: Interpreter, cache: Path, checked: bool = False) -> None:
    """Put bytecode beside every `.py` below `folder` (not below an inner `.venv`) that has none yet.

    `checked` makes Python compare source and bytecode at each import: for files that may still be changed.
    """
    missed = [job for job in _jobs(folder, shown, interpreter, cache, checked=checked) if not _recalled(job)]
    if not missed:
        return
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        listing = Path(scratch) / "jobs"
        lines = [line for job in missed for line in (job.source, job.target, job.shown)]
        listing.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
        _run(interpreter, listing, min(os.cpu_count() or 1, len(missed)), checked=checked)
    for job in missed:
        _keep(job)
        _drop_empty(job.target)
    if len(missed) >= MANY:
        _prune(cache, os.stat(missed[-1].cached).st_mtime)


def tag(interpreter: Interpreter) -> str:
    """The middle of a bytecode file's name: `cpython-311`."""
    return "cpython-" + "".join(interpreter.version.split(".")[:2])


def _jobs(folder: Path, shown: str, interpreter: Interpreter, cache: Path, *, checked: bool) -> Iterator[Job]:
    salt = f"{FORM} {interpreter.version} {interpreter.abi} {checked}".encode()
    for source in _modules(str(folder)):
        home, name = os.path.split(source)
        target = f"{home}/__pycache__/{name[:-3]}.{tag(interpreter)}.pyc"
        state = os.stat(source)
        if is_ours(state.st_mtime_ns) and os.path.exists(target):
            continue  # out of a layer (their files have no time), and compiled there
        seen = shown + source[len(str(folder)) :]
        with open(source, "rb") as file:
            content = hashlib.sha256(file.read()).digest()
        key = hashlib.sha256(b"\0".join((salt, os.fsencode(seen), content))).hexdigest()
        if "\n" not in source:
            yield Job(source, target, seen, f"{cache}/{key[:2]}/{key[2:]}")


def _modules(folder: str) -> Iterator[str]:
    """Paths of the `.py` files below `folder`, sorted; links are not followed."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED and entry.name != ".venv":
                yield from _modules(entry.path)
        elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
            yield entry.path


def _recalled(job: Job) -> bool:
    """Whether the cache had the bytecode; if so it is in place.  An empty file says: this does not compile."""
    os.makedirs(os.path.dirname(job.target), exist_ok=True)
    try:
        with open(job.cached, "rb") as file:
            content = file.read()
        os.utime(job.cached)  # it is in use
    except FileNotFoundError:
        return False
    if content:
        _write(job.target, content)
    else:
        _drop_empty(job.target)
    return True


def _keep(job: Job) -> None:
    with open(job.target, "rb") as file:
        content = file.read()
    os.makedirs(os.path.dirname(job.cached), exist_ok=True)
    part = durable.temporary(job.cached)
    _write(part, content)
    os.rename(part, job.cached)


def _prune(cache: Path, now: float) -> None:
    """Remove what no build has used for long; `now` is the time of a file that was just written."""
    for folder, _, names in os.walk(cache):
        for name in names:
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):  # another build prunes too
                if os.lstat(path).st_mtime < now - UNUSED:
                    os.unlink(path)


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        durable.write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _drop_empty(target: str) -> None:
    """Remove a bytecode file that says nothing, and its folder if nothing else is in it."""
    if os.path.exists(target) and not os.path.getsize(target):
        os.unlink(target)
    folder = os.path.dirname(target)
    if not os.listdir(folder):
        os.rmdir(folder)


def _run(interpreter: Interpreter, listing: Path, workers: int, *, checked: bool) -> None:
    command = [interpreter.path, "-s", "-S", "-B", "-W", "ignore", str(SCRIPT), str(listing), str(workers)]
    done = subprocess.run(
        [*command, "checked" if checked else "unchecked"],
        env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildFailed(
            f"compiling the modules with {interpreter.path} failed",
            hint="free space on the disk, or another Python by `build.python.version`",
            output=done.stderr.decode(errors="replace"),
        )
