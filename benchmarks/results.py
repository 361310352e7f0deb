"""How is what was measured told?  As Markdown tables for people, as JSON for programs."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS, TIMES, COUNT = "s", "x", ""


@dataclass(frozen=True)
class Line:
    """One measured thing, round by round; `goal` is the most that its median may be, None: told for information."""

    what: str
    values: Sequence[float]
    unit: str = SECONDS
    goal: float | None = None

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.median <= self.goal

    def shown(self) -> str:
        """The median, and in brackets the smallest and the largest value."""
        low, high = min(self.values), max(self.values)
        if self.unit == COUNT:
            return f"{self.median:.0f}"
        scale, unit, digits = (1000, " ms", 0) if self.unit == SECONDS and self.median < 1 else (1, f" {self.unit}", 2)
        return f"{self.median * scale:.{digits}f} ({low * scale:.{digits}f}-{high * scale:.{digits}f}){unit}"

    def bound(self) -> str:
        """The goal in words."""
        return "" if self.goal is None else f"≤ {self.goal:g} {self.unit}".rstrip()

    def document(self) -> dict[str, object]:
        """The line for JSON."""
        return {
            "what": self.what,
            "unit": self.unit,
            "median": round(self.median, 4),
            "min": round(min(self.values), 4),
            "max": round(max(self.values), 4),
            "rounds": len(self.values),
            "goal": self.goal,
            "met": self.met,
        }


def table(title: str, lines: Sequence[Line]) -> str:
    """A Markdown table: medians, smallest and largest."""
    words = {True: "met", False: "**missed**", None: ""}
    rows = [f"| {line.what} | {line.shown()} | {line.bound()} | {words[line.met]} |" for line in lines]
    head = ["", f"## {title}", "", "| what | median (min-max) | goal | |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])
