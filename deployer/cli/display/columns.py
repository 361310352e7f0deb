"""How do rows become columns that fit the width?"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from deployer.cli.display.visible import one_line

GAP = "  "
NARROWEST = 8


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, first: Sequence[str] = ()
) -> list[str]:
    """The lines of a table; where it is wider than `width`, its widest columns are cut, an ellipsis at their end.

    `first` names columns that are cut before all others.
    """
    cells = [list(head), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(cells_of(row[column]) for row in cells) for column in range(len(head))]
    if width is not None:
        room = width - len(GAP) * (len(widths) - 1)
        widths = _narrowed(widths, room, [head.index(name) for name in first if name in head])
        widths = _narrowed(widths, room, range(len(widths)))
    return [GAP.join(_fitted(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in cells]


def pairs(rows: Sequence[tuple[str, str]]) -> list[str]:
    """A list of names and what they are, one a line."""
    size = max((cells_of(name) for name, _ in rows), default=0)
    return [f"{_fitted(name, size)}{GAP}{one_line(text)}".rstrip() for name, text in rows]


def cells_of(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, an ellipsis where something was cut off."""
    if cells_of(text) <= width:
        return text
    while text and cells_of(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _narrowed(widths: list[int], room: int, which: Sequence[int]) -> list[int]:
    narrowed = list(widths)
    while sum(narrowed) > room and which:
        widest = max(which, key=lambda column: narrowed[column])
        if narrowed[widest] <= NARROWEST:
            break
        narrowed[widest] -= 1
    return narrowed


def _fitted(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - cells_of(text))
