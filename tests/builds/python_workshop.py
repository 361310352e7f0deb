"""A workshop for the python pack's tests: real commands, real uv, real interpreters; and a host to run the result."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from deployer.agent.interpreters import installed
from deployer.builds.packs import Packed, Workshop
from deployer.builds.packs.python import PythonPack
from deployer.core.errors import BuildFailed
from deployer.core.interpreter import Interpreter
from deployer.core.recipe import PythonRecipe, Recipe

PASSED = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": "0"}
UV_CACHE = Path(tempfile.gettempdir()) / "deployer-tests-uv"  # one for all runs: the registry is asked once


class Bench:
    """Makes workshops; `said` are the lines for the user, `ran` the commands with what they printed."""

    def __init__(self, cache: Path):
        self.cache = cache
        self.said = []
        self.ran = ""
        cache.mkdir(parents=True, exist_ok=True)
        UV_CACHE.mkdir(exist_ok=True)
        if not (cache / "uv").exists():
            (cache / "uv").symlink_to(UV_CACHE)

    def workshop(self, tree: Path, recipe: Recipe | None = None, **env: str) -> Workshop:
        uv = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
        passed = {name: os.environ[name] for name in PASSED if name in os.environ}
        recipe = recipe or Recipe()
        full = {**passed, **uv, **FIXED, **recipe.env, **env}

        def run(command, *, cwd=None, env=None):
            done = subprocess.run(
                command,
                cwd=cwd or tree,
                env={**full, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
                check=False,
            )
            self.ran += f"$ {' '.join(map(str, command))}\n{done.stdout}"
            if done.returncode:
                raise BuildFailed(f"{command[0]} ended with {done.returncode}", output=done.stdout[-2000:])

        return Workshop(tree, self.cache, recipe, full, run, self.said.append)

    def pack(self, tree: Path, recipe: Recipe | None = None, **env: str) -> Packed:
        return PythonPack(os.environ).pack(self.workshop(tree, recipe, **env))


@cache
def interpreters() -> tuple[Interpreter, ...]:
    """The interpreters of this machine that an app may have, newest first."""
    found = installed("python", cache=Path(tempfile.mkdtemp()) / "probes", environ=os.environ)
    return tuple(one for one in found if tuple(map(int, one.version.split(".")[:2])) >= (3, 9))


def write(folder: Path, **files: str) -> Path:
    """A tree with these files; `__` in a name is a slash, `_dot_` a dot, `INIT` is `__init__`."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".").replace("INIT", "__init__")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def placed(tree: Path, where: Path, packed: Packed) -> Path:
    """The tree as a host has it: moved elsewhere, read-only, with a link to the host's interpreter."""
    where.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(tree, where)
    (runtime,) = packed.runtimes
    python = next(one for one in interpreters() if one.version == runtime.version)
    (where / runtime.link).unlink()  # that of the build's machine, for the user's commands
    (where / runtime.link).symlink_to(python.path)
    for folder, _, files in os.walk(where, topdown=False):
        for name in files:
            if not os.path.islink(os.path.join(folder, name)):
                os.chmod(os.path.join(folder, name), os.stat(os.path.join(folder, name)).st_mode & 0o555)
        os.chmod(folder, 0o555)
    return where


def output(tree: Path, packed: Packed, *command: str) -> str:
    """What `command` prints in the placed tree, with the environment that a process of it gets."""
    path = os.pathsep.join([*(str(tree / folder) for folder in packed.path), "/usr/bin", "/bin"])
    done = subprocess.run(
        command,
        cwd=tree,
        env={"PATH": path, "HOME": "/nonexistent", **packed.env},
        executable=shutil.which(command[0], path=path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only(version: str = "", **python) -> Recipe:
    """A recipe for the python pack with these wishes."""
    return Recipe(python=PythonRecipe(version=version, **python))
