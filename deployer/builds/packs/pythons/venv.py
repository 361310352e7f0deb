"""How does a virtual environment lose what ties it to this machine?

uv makes it relocatable: its scripts look for the interpreter beside themselves.  What is left are `home` in
pyvenv.cfg (without it, CPython finds its library by where `bin/python` leads), `bin/python` itself, which every host
makes for itself, and files that say when, where and by whom a package was installed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deployer.core.errors import BuildFailed

FOLDER = ".venv"
PYTHON = f"{FOLDER}/bin/python"  # the one path that is decided on each host
LITTER = {".lock", ".gitignore", "CACHEDIR.TAG"}
INSTALLED_FROM = {"direct_url.json", "uv_cache.json", "uv_build.json"}
ACTIVATION = ("activate", "deactivate.", "pydoc.bat")


def link_python(venv: Path, interpreter: str) -> None:
    """Give the environment an interpreter, while something is to be run or installed in it."""
    python = venv / "bin" / "python"
    if not python.is_symlink():
        python.symlink_to(interpreter)


def unlink_python(venv: Path) -> None:
    """Take the interpreter away: the host puts its own there."""
    (venv / "bin" / "python").unlink(missing_ok=True)


def strip(venv: Path) -> None:
    """Remove whatever differs from machine to machine or names a path of this one."""
    unlink_python(venv)
    for name in LITTER:
        (venv / name).unlink(missing_ok=True)
    for script in list((venv / "bin").iterdir()):
        if script.name.startswith(ACTIVATION):
            script.unlink()
        elif script.is_symlink() and script.name.startswith("python"):
            _relative(script)
    settings = venv / "pyvenv.cfg"
    kept = [line for line in settings.read_text().splitlines() if line.split("=")[0].strip() != "home"]
    settings.write_text("\n".join(kept) + "\n")
    for site in site_packages(venv):
        for entry in list(os.scandir(site)):
            if entry.name.endswith(".dist-info") and entry.is_dir(follow_symlinks=False):
                _forget_origin(entry.path)


def site_packages(venv: Path) -> list[Path]:
    """Where the packages are: one folder, `lib/python3.N/site-packages`."""
    return sorted((venv / "lib").glob("python3*/site-packages"))


def has_package(venv: Path, name: str) -> bool:
    """Whether a package can be imported from the environment, by its folder."""
    return any((site / name).is_dir() for site in site_packages(venv))


def drop_bytecode(folder: Path, *, beside: frozenset[str] = frozenset()) -> None:
    """Remove every `__pycache__` below `folder`, not looking into folders whose name is in `beside`."""
    for path, folders, _ in os.walk(folder):
        if "__pycache__" in folders:
            shutil.rmtree(os.path.join(path, "__pycache__"))
        folders[:] = [name for name in folders if name not in {"__pycache__", *beside}]


def _relative(script: Path) -> None:
    if script.name != "python" and os.readlink(script) != "python":
        script.unlink()
        script.symlink_to("python")


def _forget_origin(folder: str) -> None:
    """Drop what tells where a package came from, and its lines in RECORD, for uninstalling and SBOMs read that."""
    gone = [name for name in INSTALLED_FROM if os.path.exists(os.path.join(folder, name))]
    for name in gone:
        os.unlink(os.path.join(folder, name))
    record = os.path.join(folder, "RECORD")
    if gone and os.path.exists(record):
        with open(record, encoding="utf-8", newline="") as file:
            lines = file.readlines()
        base = os.path.basename(folder)
        prefixes = tuple(f"{base}/{name}," for name in gone)
        with open(record, "w", encoding="utf-8", newline="") as file:
            file.writelines(line for line in lines if not line.startswith(prefixes))


def check(venv: Path) -> None:
    """Refuse an environment that is not complete: something went wrong that no command reported."""
    if not (venv / "pyvenv.cfg").is_file() or not site_packages(venv):
        raise BuildFailed(f"{venv.name} is not complete after installing", hint="build again; `-v` shows each command")
