"""How is a build made of nothing but the user's own commands?  `pack: commands`: the escape hatch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployer.builds.packs import Packed, Workshop
from deployer.core.recipe import Recipe


class CommandsPack:
    """Vendors nothing: `build.commands`, which run after every pack, are all there is."""

    name = "commands"

    def detects(self, paths: frozenset[str]) -> bool:  # noqa: ARG002 — the protocol's
        """Never: it is chosen by name."""
        return False

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:  # noqa: ARG002 — the protocol's
        """Nothing beyond the commit and the recipe: what the commands use is theirs to pin."""
        return {}

    def pack(self, workshop: Workshop) -> Packed:
        """Nothing to vendor; no process types but the Procfile's."""
        if not workshop.recipe.commands:
            workshop.say("pack: commands, but build.commands is empty: the build is the commit as it is")
        return Packed()
