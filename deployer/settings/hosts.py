"""How does a target's list of hosts become one entry for each machine?"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from deployer.settings import ranges
from deployer.settings.kinds import WRONG, ListOf
from deployer.settings.mistakes import Mistakes, shown
from deployer.settings.model import HostSettings
from deployer.settings.reader import Node

NAME = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}\Z")  # never a leading dash: ssh would read an option
PATTERN = re.compile(r"[A-Za-z0-9_:\[][][A-Za-z0-9_.:%-]{0,252}\Z")  # with ranges, which are looked at here


@dataclass(frozen=True)
class Hosts(ListOf):
    """A list of hosts, the ranges in their names spelled out; no name stands twice, for it is how a host is called."""

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """A tuple of `HostSettings`, one for each machine."""
        entries = super().read(node, at, mistakes)
        if entries is WRONG:
            return WRONG
        found: dict[str, HostSettings] = {}
        lines: dict[str, int] = {}
        right = True
        for index, entry in enumerate(entries):
            named = _named(node, index)
            names, mistake = _names(entry.host)
            twice = next((name for name in names if name in found), "")
            if entry.address and len(names) > 1:
                mistake = "an `address` is one host's; give each of these an entry of its own"
            if twice:
                mistake = f"{twice} is on line {lines[twice]} already; a host has one entry, with all that it `runs`"
            if mistake:
                mistakes.add(named.line, f"{at}[{index}]", mistake)
            right = right and not mistake
            found.update({name: dataclasses.replace(entry, host=name) for name in names})
            lines.update(dict.fromkeys(names, named.line))
        if len(found) > ranges.MOST:
            mistakes.add(node.line, at, f"{len(found)} hosts; a target has at most {ranges.MOST}")
        return tuple(found.values()) if right and len(found) <= ranges.MOST else WRONG


def _named(node: Node, index: int) -> Node:
    """Where the entry's name stands."""
    entry = node.value[index] if isinstance(node.value, list) else node
    return entry.value["host"] if isinstance(entry.value, dict) else entry


def _names(pattern: str) -> tuple[list[str], str]:
    """The names that an entry stands for, or what is wrong with it."""
    try:
        names = ranges.expanded(pattern)
    except ranges.BadRange as error:
        return [], f"{shown(pattern)}: {error}; {ranges.HINT}"
    bad = next((name for name in names if not NAME.match(name)), None)
    return (names, "") if bad is None else ([], f"{shown(bad)}, of {shown(pattern)}, is no host's name or address")
