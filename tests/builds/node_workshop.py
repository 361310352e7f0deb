"""A workshop for the node pack's tests: real commands, what they print and what was said kept."""

import os
import subprocess
from pathlib import Path

from deployer.builds.environment import environment, furnish
from deployer.builds.packs import Workshop
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe


class Bench:
    """Makes workshops; `said` are the lines for the user, `ran` the commands' output."""

    def __init__(self, cache: Path):
        self.cache = cache
        self.said = []
        self.ran = ""

    def workshop(self, tree: Path, recipe: Recipe | None = None, *, path: str = "", **env: str) -> Workshop:
        recipe = recipe or Recipe()
        home = tree.parent / f"home-of-{tree.name}"  # empty but for the tools' settings, as in a real build
        if not home.exists():
            furnish(str(home), os.environ)
        cache = str(self.cache)
        full = environment(os.environ, recipe, home=str(home), temporary="/tmp", cache=cache, time=1_700_000_000)
        full.update(env)
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
                raise BuildFailed(f"{command} ended with {done.returncode}: {done.stdout[-500:]}", output=done.stdout)

        return Workshop(tree, self.cache, recipe, full, run, self.said.append)
