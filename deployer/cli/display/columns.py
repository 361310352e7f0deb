"""How do rows become columns that fit the width?"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from deployer.cli.display.visible import one_line

GAP = "  "
BETWEEN = " · "
NARROWEST = 8  # columns of what is cut
MOST_BROKEN = 3  # lines that a cell is broken into, or about that


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, first: Sequence[str] = ()
) -> list[str]:
    """The lines of a table that fits `width`: see `laid_out`."""
    return [line.text for line in laid_out(head, rows, width, first)]


class Line(NamedTuple):
    """A line of a table: that of a row, by its number, or of the head (-1); a `title` stands out."""

    text: str
    row: int
    title: bool = False


def laid_out(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, first: Sequence[str] = ()
) -> list[Line]:
    """The lines of a table, and which row each belongs to.

    Where it is wider than `width`, the columns that `first` names are cut, an ellipsis at their end; then the widest
    are broken between words.  Nothing else is cut: where that is not enough, each row is a paragraph of its own.
    """
    cells = [list(head), *([one_line(cell) for cell in row] for row in rows)]
    widths = natural(cells)
    if width is not None:
        room = width - len(GAP) * (len(widths) - 1)
        shortened = [head.index(name) for name in first if name in head]
        others = [column for column in range(len(head)) if column not in shortened]
        widths = _narrowed(widths, room, dict.fromkeys(shortened, NARROWEST))
        widths = _narrowed(widths, room, {at: _least([row[at] for row in cells]) for at in others})
        if sum(widths) > room:
            return _paragraphs(head, cells[1:], width)
    cutting = [name in first for name in head]
    lines = [Line(line, at) for at, row in enumerate(cells[1:]) for line in _row(row, widths, first=cutting)]
    return [*(Line(line, -1, title=True) for line in _row(cells[0], widths, first=cutting)), *lines]


def natural(cells: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is where nothing is cut."""
    return [max(cells_of(row[column]) for row in cells) for column in range(len(cells[0]))]


def _least(cells: Sequence[str]) -> int:
    """How narrow a column may be whose cells are broken between words: no word is cut, no cell takes many lines."""
    longest = max((cells_of(word) for cell in cells for word in cell.split()), default=0)
    return max(longest, -(-max(map(cells_of, cells)) // MOST_BROKEN))


def _row(row: Sequence[str], widths: Sequence[int], *, first: Sequence[bool]) -> list[str]:
    """One row in as many lines as its longest cell takes."""
    broken = [
        [cut(cell, size)] if short else _broken(cell, size, indent="")
        for cell, size, short in zip(row, widths, first, strict=True)
    ]
    height = max(map(len, broken))
    filled = [[*lines, *[""] * (height - len(lines))] for lines in broken]
    return [
        GAP.join(_fitted(lines[at], size) for lines, size in zip(filled, widths, strict=True)).rstrip()
        for at in range(height)
    ]


def _paragraphs(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Line]:
    """Each row by itself: its first cell, and below it what the others are."""
    lines: list[Line] = []
    for at, row in enumerate(rows):
        lines.append(Line(row[0], at, title=True))
        told = [f"{name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True) if cell]
        lines += [Line(f"  {line}", at) for line in wrapped(told, width - 2, indent="") if line]
    return lines


def wrapped(parts: Sequence[str], width: int | None, indent: str = "  ") -> list[str]:
    """`a · b · c` in one line, or where it is wider than `width` in more: broken between parts, else between words."""
    lines = [""]
    for part in filter(None, parts):
        joined = f"{lines[-1]}{BETWEEN}{one_line(part)}" if lines[-1] else one_line(part)
        if width is None or cells_of(joined) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(f"{indent}{one_line(part)}")
    return [short for line in lines for short in _broken(line, width)]


def filled(text: str, width: int | None) -> list[str]:
    """The lines of `text`, none wider than `width` where its words allow it."""
    return [short for line in text.splitlines() or [""] for short in _broken(line, width)]


def _broken(line: str, width: int | None, indent: str = "  ") -> list[str]:
    """A line between words; a word that is longer than the terminal stays whole, for it may be a URL."""
    if width is None or cells_of(line) <= width:
        return [line]
    lines, last = [], "  " if line.startswith("  ") else ""
    for word in line.split():
        longer = f"{last} {word}" if last.strip() else f"{last}{word}"
        if last.strip() and cells_of(longer) > width:
            lines.append(last)
            longer = f"{indent}{word}"
        last = longer
    return [*lines, last]


def without_domain(hosts: Sequence[str]) -> dict[str, str]:
    """These hosts by their first labels, where all have one domain; none of them otherwise, nor addresses."""
    domains = {host.partition(".")[2] for host in hosts}
    if len(domains) != 1 or domains == {""} or hosts[0].replace(".", "").isdecimal():
        return {}
    return {host: host.partition(".")[0] for host in hosts}


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


def _narrowed(widths: list[int], room: int, least: Mapping[int, int]) -> list[int]:
    """`widths` with the widest columns of `least` narrowed until all fit `room`, none below what it says."""
    narrowed = list(widths)
    while sum(narrowed) > room:
        wide = [column for column in least if narrowed[column] > least[column]]
        if not wide:
            break
        narrowed[max(wide, key=lambda column: narrowed[column])] -= 1
    return narrowed


def _fitted(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - cells_of(text))
