"""How do the steps under way look on a terminal: one line for each host, as many as there is room for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.cli.display.columns import cells_of, cut, without_domain, wrapped
from deployer.cli.display.times import took
from deployer.cli.display.visible import one_line

INDENT = "  "  # before what a step waits for
LONGEST_NAME = 30  # columns of a host's name
TURNS = 8  # of the spinner in a second


@dataclass
class Step:
    """What a host does, or did last; times are those of a clock that only goes forward, in seconds."""

    text: str
    began: float
    ended: float | None = None
    failed: bool = False
    phase: str = ""  # what it waits for,
    since: float = 0.0  # since when,
    of: float = 0.0  # for how many seconds at most; 0: nobody knows

    def waits(self, now: float) -> str:
        """`web.1: waiting for an answer to GET /up on port 8000, 12 of 60 s`; '' where it waits for nothing."""
        return f"{one_line(self.phase)}, {self.count(now)}" if self.phase and self.ended is None else ""

    def count(self, now: float) -> str:
        """`12 of 60 s`; how long it takes or took as a whole where it waits for nothing."""
        if not self.phase or self.ended is not None:
            return took((now if self.ended is None else self.ended) - self.began)
        spent = max(int(now - self.since), 0)
        return f"{min(spent, int(self.of))} of {self.of:g} s" if self.of else f"{spent} s"


@dataclass(frozen=True)
class Marks:
    """The signs of a step under way, done and failed."""

    spinner: str
    done: str
    failed: str

    def of(self, step: Step, now: float) -> str:
        """The sign of `step`."""
        if step.ended is None:
            return self.spinner[int(now * TURNS) % len(self.spinner)]
        return self.failed if step.failed else self.done


PRETTY = Marks("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "✓", "✗")
PLAIN = Marks("|/-\\", "+", "x")


def live(
    steps: Mapping[str, Step], hosts: Sequence[str], *, marks: Marks, now: float, width: int, height: int
) -> list[tuple[Step, str]]:
    """The lines, each with its step: the newest step where there are not several `hosts`, else one line for each.

    `steps` has the newest step of each host, and under '' that of the target as a whole.  Where the hosts need more
    than `height` lines, those that are done make room, and the last line counts them.
    """
    open_ = [step for step in steps.values() if step.ended is None]
    if len(hosts) < 2:
        newest = sorted(open_, key=lambda step: step.began)[-1:]
        head = [
            (step, _line(step, f"{one_line(step.text)} ...", marks, now, width, count=took(now - step.began)))
            for step in newest
        ]
        waits = [(step, line) for step in newest for line in wrapped([step.waits(now)], width - len(INDENT))]
        return head + [(step, cut(f"{INDENT}{line}", width)) for step, line in waits if line][: height - len(head)]
    own = [
        (step, _line(step, f"{one_line(step.text)} ...", marks, now, width)) for step in open_ if steps.get("") is step
    ]
    named = {host: steps[host] for host in dict.fromkeys((*hosts, *steps)) if host and host in steps}
    room = height - len(own)
    shown = list(named)
    if len(shown) > room:
        shown = [host for host in named if named[host].ended is None or named[host].failed][: max(room - 1, 0)]
    names = _names(list(named), brief=any(_wider(host, named[host], now, width) for host in named))
    lines: list[tuple[Step, str]] = []
    for host in shown:
        step = named[host]
        below = wrapped([step.waits(now)], width - 2 * len(INDENT)) if _wider(names[host], step, now, width) else []
        if not step.waits(now) or len(below) * len(shown) > room - len(shown):
            below = []
        doing = one_line(step.text if below or not step.waits(now) else f"{step.phase},")
        count = took(now - step.began) if below else step.count(now)
        lines.append((step, _line(step, f"{names[host]}  {doing}", marks, now, width, count=count)))
        lines += [(step, cut(f"{INDENT * 2}{line}", width)) for line in below]  # what does not fit behind the name
    return own + lines + ([_count(named, shown, len(hosts), width)] if len(shown) < len(named) else [])


def _names(hosts: Sequence[str], *, brief: bool) -> dict[str, str]:
    """How hosts are called here, all as wide; with `brief` without the domain that all of them have."""
    short = without_domain(hosts) if brief else {}
    named = {host: cut(one_line(short.get(host, host)), LONGEST_NAME) for host in hosts}
    size = max(map(cells_of, named.values()), default=0)
    return {host: f"{name}{' ' * (size - cells_of(name))}" for host, name in named.items()}


def _wider(name: str, step: Step, now: float, width: int) -> bool:
    """Whether the line of a host is wider than the terminal."""
    waits = f", {step.count(now)}" if step.waits(now) else f" {step.count(now)}"
    return cells_of(f"x {name}  {one_line(step.phase or step.text)}{waits}") > width


def _line(step: Step, words: str, marks: Marks, now: float, width: int, *, count: str = "") -> str:
    count = count or step.count(now)
    return f"{cut(f'{marks.of(step, now)} {words}', max(width - len(count) - 2, 1))} {count}"


def _count(named: Mapping[str, Step], shown: Sequence[str], total: int, width: int) -> tuple[Step, str]:
    """How many hosts have done what was begun last, and how many more are at it than there is room for."""
    newest = max(named.values(), key=lambda step: step.began)
    done = [
        host
        for host, step in named.items()
        if step.ended is not None and not step.failed and step.text.startswith(newest.text)
    ]
    more = total - len({*done, *shown})
    return newest, cut(f"  {len(done)} of {total} hosts done{f', {more} more not shown' if more else ''}", width)
