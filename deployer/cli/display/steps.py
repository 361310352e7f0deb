"""How do the steps under way look on a terminal: one line for each host, as many as there is room for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.cli.display.columns import cells_of, cut
from deployer.cli.display.times import took
from deployer.cli.display.visible import one_line

LONGEST_NAME = 30  # columns of a host's name
TURNS = 8  # of the spinner in a second


@dataclass
class Step:
    """What a host does, or did last; times are those of a clock that only goes forward, in seconds."""

    text: str
    began: float
    ended: float | None = None
    failed: bool = False


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
        return [(step, _line(step, f"{one_line(step.text)} ...", marks, now, width)) for step in newest]
    own = [
        (step, _line(step, f"{one_line(step.text)} ...", marks, now, width)) for step in open_ if steps.get("") is step
    ]
    named = {host: steps[host] for host in dict.fromkeys((*hosts, *steps)) if host and host in steps}
    size = min(max(map(cells_of, named), default=0), LONGEST_NAME)
    room = height - len(own)
    shown = list(named)
    if len(shown) > room:
        shown = [host for host in named if named[host].ended is None or named[host].failed][: max(room - 1, 0)]
    lines = [(named[host], _line(named[host], _of(host, named[host], size), marks, now, width)) for host in shown]
    return own + lines + ([_count(named, len(hosts))] if len(shown) < len(named) else [])


def _of(host: str, step: Step, size: int) -> str:
    name = cut(one_line(host), size)
    return f"{name}{' ' * (size - cells_of(name))}  {one_line(step.text)}"


def _line(step: Step, words: str, marks: Marks, now: float, width: int) -> str:
    elapsed = took((now if step.ended is None else step.ended) - step.began)
    return f"{cut(f'{marks.of(step, now)} {words}', max(width - len(elapsed) - 2, 1))} {elapsed}"


def _count(named: Mapping[str, Step], total: int) -> tuple[Step, str]:
    """How many hosts have done what was begun last."""
    newest = max(named.values(), key=lambda step: step.began)
    done = sum(1 for s in named.values() if s.ended is not None and not s.failed and s.text.startswith(newest.text))
    return newest, f"  {done} of {total} hosts done"
