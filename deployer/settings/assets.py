"""Front ends in deploy.yaml: `build.assets` is a switch, or a list of folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deployer.core.recipe import AUTO
from deployer.settings.kinds import WRONG, Key, ListOf
from deployer.settings.mistakes import Mistakes, shown
from deployer.settings.reader import Node


@dataclass(frozen=True)
class Assets:
    """`true` for those that are found, `false` for none, or the folders."""

    folders: ListOf

    @property
    def expected(self) -> str:
        """`true, false or a list of folders`."""
        return f"true, false or {self.folders.expected}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The folders."""
        if isinstance(node.value, bool):
            return AUTO if node.value else ()
        if isinstance(node.value, list):
            return self.folders.read(node, at, mistakes)
        given = "nothing" if node.value is None else "a mapping" if isinstance(node.value, dict) else shown(node.text)
        mistakes.add(node.line, at, f"expected {self.expected}, not {given}")
        return WRONG

    def below(self) -> Iterator[tuple[str, Key]]:
        """Nothing is below a folder's name."""
        return iter(())
