"""The pack of nothing but the user's own commands, `pack: commands`: the escape hatch.

Front ends are built where `build.assets` names them; else they are the commands' own affair.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deployer.builds.packs import Packed, Workshop, front_ends
from deployer.core.recipe import AUTO, Recipe


class CommandsPack:
    """Vendors nothing: `build.commands`, which run after every pack, are all there is."""

    name = "commands"

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ

    def detects(self, paths: frozenset[str]) -> bool:  # noqa: ARG002 — the protocol's
        """Never: it is chosen by name."""
        return False

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """Nothing beyond the commit and the recipe, but for front ends: what the commands use is theirs to pin."""
        return {} if recipe.assets == AUTO else front_ends.inputs(tree, recipe, self.environ)

    def pack(self, workshop: Workshop) -> Packed:
        """Nothing to vendor; no process types but the Procfile's."""
        if workshop.recipe.assets != AUTO:
            return Packed(dropped=front_ends.build(workshop))
        if not workshop.recipe.commands:
            workshop.say("pack: commands, but build.commands is empty: the build is the commit as it is")
        front_ends.warn(workshop)
        return Packed()
