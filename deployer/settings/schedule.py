"""How is a schedule of deploy.yaml checked, and what is said of one that is none?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.core import schedule
from deployer.core.strategy import SOCKET
from deployer.settings.kinds import WRONG, Found, Key
from deployer.settings.mistakes import Mistakes, shown
from deployer.settings.reader import Node


@dataclass(frozen=True)
class Schedule:
    """A text that core/schedule.py can read; what it cannot read is told with the part that is wrong."""

    expected: str = schedule.EXPECTED

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The text, as it was typed."""
        if not isinstance(node.value, str):
            given = "a list" if isinstance(node.value, list) else "a mapping" if isinstance(node.value, dict) else ""
            mistakes.add(node.line, at, f"expected {self.expected}, not {given or node.text or 'nothing'}")
            return WRONG
        wrong = schedule.problem(node.text)
        if wrong:
            mistakes.add(node.line, at, f"{shown(node.text)} is no schedule: {wrong}; expected {self.expected}")
            return WRONG
        return node.text

    def below(self) -> Iterator[tuple[str, Key]]:
        """Nothing is below a plain value."""
        return iter(())


def mistakes_beside(given: Mapping[str, Any]) -> Found:
    """What a type with a schedule cannot have: nobody waits until a run is up, and nobody connects to it."""
    if not given.get("schedule"):
        return
    for name in ("health", "health_command", "watchdog", "expose", "port", "update"):
        if name in given:
            yield name, "has no meaning for a type with a `schedule`: it runs at its times, and then ends"
    if given.get("listen") == SOCKET:
        yield "listen", "a type with a `schedule` is given no socket: it runs at its times, and then ends"
