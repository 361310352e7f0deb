"""A workshop for the node pack's tests: real commands, what they print and what was said kept."""

import hashlib
import os
import subprocess
from pathlib import Path

from deployer.builds.packs import Workshop
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

PASSED = ("PATH", "HOME", "LANG")
FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": "0"}


class Bench:
    """Makes workshops; `said` are the lines for the user, `ran` the commands' output."""

    def __init__(self, cache: Path):
        self.cache = cache
        self.said = []
        self.ran = ""

    def workshop(self, tree: Path, recipe: Recipe | None = None, *, path: str = "", **env: str) -> Workshop:
        npm = {name: value for name, value in os.environ.items() if name.lower().startswith("npm_config_")}
        passed = {name: os.environ[name] for name in PASSED if name in os.environ}
        full = {**passed, **npm, **FIXED, **env}
        if path:
            full["PATH"] = os.pathsep.join([path, full["PATH"]])

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
            self.ran += done.stdout
            if done.returncode:
                raise BuildFailed(f"{command[0]} ended with {done.returncode}", output=done.stdout[-2000:])

        return Workshop(tree, self.cache, recipe or Recipe(), full, run, self.said.append)


def digests(tree: Path) -> dict[str, str]:
    """Path to what is there: a link's target, or the mode and digest of a file."""
    found = {}
    for folder, folders, files in os.walk(tree):
        for name in (*files, *(f for f in folders if os.path.islink(os.path.join(folder, f)))):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                content = os.readlink(path)
            else:
                executable = os.stat(path).st_mode & 0o100
                content = f"{executable} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
            found[os.path.relpath(path, tree)] = content
    return found


def holding(tree: Path, text: str) -> list[str]:
    """The files and links in which `text` stands."""
    found = []
    for path in digests(tree):
        full = tree / path
        content = os.readlink(full).encode() if full.is_symlink() else full.read_bytes()
        if text.encode() in content:
            found.append(path)
    return found
