"""CPython for a build to bring along: uv's standalone builds, which run from any folder.

uv gets them, checks their digest and keeps to its own settings (`UV_PYTHON_INSTALL_MIRROR`,
`UV_PYTHON_DOWNLOADS_JSON_URL`); what it unpacks loses what no app needs and what names the folder where it lies.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deployer.agent import interpreters
from deployer.builds.packs.pythons import bytecode, venv
from deployer.builds.packs.pythons.uv import binary
from deployer.builds.supply import Carried, Supply, Unavailable, put
from deployer.core.interpreter import near, version_key

PATIENCE = 600  # seconds for a download
SHOWN = "/runtime"
NEEDLESS = ("test", "idlelib", "turtledemo", "tkinter", "lib2to3", "ensurepip", "config-*", "site-packages/*")
_NEEDLESS_LIBRARIES = re.compile(r"_tkinter\.|lib(?:tcl|tk)\d|.*\.a\Z")
_FINAL = re.compile(r"\d+\.\d+\.\d+\Z")


def carried(supply: Supply, allowed: Callable[[str], bool], preferred: str) -> Carried:
    """A CPython that the app allows: `preferred` ('' for none), another patch level of it, else the newest."""
    version = _version(supply, allowed, preferred)
    home = supply.cache / "python" / f"cpython-{version}"
    if not home.is_dir():
        _install(supply, version, home)
    python = home / "bin" / f"python{'.'.join(version.split('.')[:2])}"
    one = interpreters.asked("python", str(python))
    if one is None:
        raise Unavailable(f"the CPython {version} that uv gets does not run here")
    program = f"bin/{python.name}"
    if known := supply.known(home, one, program):
        return known
    with supply.workshop() as folder:
        shutil.copytree(home, folder, symlinks=True)
        cache = supply.cache / "bytecode"
        cache.mkdir(parents=True, exist_ok=True)
        bytecode.compile_tree(folder, shown=SHOWN, interpreter=one, cache=cache)
        return supply.keep(folder, one, program, home=home)


def _version(supply: Supply, allowed: Callable[[str], bool], preferred: str) -> str:
    """The version to get: uv's list is in it, and nothing is asked for it."""
    told = _uv(supply, "python", "list", "--only-downloads", "--all-versions", "--output-format", "json")
    listed: list[str] = [
        one["version"]
        for one in json.loads(told or "[]")
        if one["implementation"] == "cpython" and one["variant"] == "default" and one["libc"] == "gnu"
    ]
    fitting = [version for version in listed if _FINAL.match(version) and allowed(version)]
    if preferred in fitting:
        return preferred
    same = [version for version in fitting if preferred and near(version, "python") == near(preferred, "python")]
    if not fitting:
        raise Unavailable("uv has no CPython that the app allows")
    return max(same or fitting, key=version_key)


def _install(supply: Supply, version: str, home: Path) -> None:
    supply.report("step", f"getting CPython {version}")
    with supply.scratch() as scratch:
        _uv(supply, "python", "install", version, "--no-bin", "--install-dir", str(scratch / "uv"))
        found = [entry for entry in (scratch / "uv").glob(f"cpython-{version}-*") if not entry.is_symlink()]
        if not found:
            raise Unavailable(f"uv did not say where it put CPython {version}")
        made = found[0].rename(scratch / "made")
        _strip(made, str(found[0]))
        put(made, home)
    supply.report("done", f"getting CPython {version}")


def _strip(folder: Path, named: str) -> None:
    """Take away what no app needs, and the name of the folder, which would be another one on each machine."""
    for entry in list(folder.iterdir()):
        if entry.name not in ("bin", "lib"):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for program in list((folder / "bin").iterdir()):
        if not re.match(r"python(3(\.\d+)?)?\Z", program.name):
            program.unlink()
    (library,) = (folder / "lib").glob("python3.*")
    for pattern in NEEDLESS:
        for entry in library.glob(pattern):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for path in [*(folder / "lib").iterdir(), *(library / "lib-dynload").iterdir()]:
        if _NEEDLESS_LIBRARIES.match(path.name) and path.is_file():
            path.unlink()
    shutil.rmtree(folder / "lib" / "pkgconfig", ignore_errors=True)
    venv.drop_bytecode(folder)
    for path in library.glob("_sysconfigdata*.py"):
        path.write_text(path.read_text().replace(named, SHOWN))


def _uv(supply: Supply, *words: str) -> str:
    """What uv prints; `Unavailable` with its last words where it fails."""
    patient = {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "20"}  # who is offline need not wait long
    environ = {**patient, **supply.environ, "UV_PYTHON_DOWNLOADS": "manual", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            [binary(), *words, "--no-config"], env=environ, cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"uv was not done after {PATIENCE} s") from error
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = lines[-1].removeprefix("cause: ").removeprefix("error: ") if lines else f"exit code {done.returncode}"
        raise Unavailable(f"uv could not get it: {said}")
    return done.stdout
