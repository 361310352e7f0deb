"""How are all mistakes of a file told at once, each with its place?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from deployer.core.errors import SettingsError

MOST = 50  # nobody mends more in one go; the rest of a hostile file is only counted
LONGEST_SHOWN = 60


class Mistakes:
    """Collects the mistakes of one file; `check` raises them all."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._found: list[tuple[int, str]] = []
        self._more = 0

    def add(self, line: int, at: str, text: str, *, suggest: tuple[str, Iterable[str]] | None = None) -> None:
        """Note a mistake; `suggest` is what was typed and what could have been meant."""
        if len(self._found) >= MOST:
            self._more += 1
            return
        meant = did_you_mean(*suggest) if suggest else ""
        self._found.append((line, f"{self.place(line, at)}: {text}{meant}"))

    def place(self, line: int, at: str) -> str:
        """`deploy.yaml:14: targets.production`."""
        return f"{self.where}:{line}: {at}" if at else f"{self.where}:{line}"

    def check(self) -> None:
        """`SettingsError` with all mistakes in the order of their lines, if there are any."""
        if not self._found:
            return
        lines = [text for _, text in sorted(self._found, key=lambda mistake: mistake[0])]
        if self._more:
            lines.append(f"{self.where}: and {self._more} more")
        raise SettingsError("\n".join(lines), hint="`deploy help deploy-yaml` has every key")


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """`; did you mean "web"?`, or ''."""
    import difflib  # noqa: PLC0415  (only a mistake needs it)

    close = difflib.get_close_matches(typed[:LONGEST_SHOWN], list(known), n=1, cutoff=0.7)
    return f'; did you mean "{close[0]}"?' if close else ""


def shown(text: str) -> str:
    """A string of the user's as a message shows it: quoted, on one line, not too long."""
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode-escape").decode() for c in cut) + '"'


def step(at: str, key: str) -> str:
    """The path of `key` below `at`; a strange key is quoted, so that a mistake stays on one line."""
    word = key if re.match(r"[\w-]{1,60}\Z", key) else shown(key)
    return f"{at}.{word}" if at else word
