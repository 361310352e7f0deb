"""How are the fleet's figures told?  Markdown tables: medians, in brackets the smallest and largest, side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.fleet.meter import Cost
from benchmarks.fleet.tools import CHANGED, FIRST, REDEPLOY, ROLLBACK, SCENARIOS, Capistrano, Deployer
from benchmarks.fleet.trials import BUILD, STATUS, Measurement

OURS, THEIRS = Deployer.name, Capistrano.name
MEGABYTE, KILOBYTE = 1e6, 1e3
Pick = Callable[[Cost], float | None]


@dataclass(frozen=True)
class Goal:
    """The most that a median of ours may be."""

    what: str
    hosts: int
    scenario: str
    pick: Pick
    most: float
    unit: str = "s"
    delay: int = 0


GOALS = (
    Goal("rollback of 1 host", 1, ROLLBACK, lambda c: c.wall, 0.6),
    Goal("rollback of 50 hosts, with a restart", 50, ROLLBACK, lambda c: c.wall, 4),
    Goal("its spread", 50, ROLLBACK, lambda c: c.spread, 0.3),
    Goal("one-line redeploy of 1 host, its build apart", 1, REDEPLOY, lambda c: c.wall, 1),
    Goal("one-line redeploy of 50 hosts, its build apart", 50, REDEPLOY, lambda c: c.wall, 19),
    Goal("its bytes per host, both ways", 50, REDEPLOY, lambda c: (c.sent + c.received) / KILOBYTE, 12, "kB"),
    Goal("its logins per host", 1, REDEPLOY, lambda c: c.logins, 1, ""),
    Goal("its round trips", 1, REDEPLOY, lambda c: c.waits, 10, "", delay=25),
    Goal("round trips of a rollback", 1, ROLLBACK, lambda c: c.waits, 8, "", delay=25),
    Goal("first deploy of 50 hosts", 50, FIRST, lambda c: c.wall, 40),
    Goal("operator's memory then", 50, FIRST, lambda c: c.memory / MEGABYTE, 80, "MB"),
)


@dataclass(frozen=True)
class Group:
    """The measurements that one table is made of."""

    taken: Sequence[Measurement]

    def costs(self, tool: str, scenario: str) -> list[Cost]:
        """What one tool took for one scenario."""
        return [one.cost for one in self.taken if (one.tool, one.scenario) == (tool, scenario)]


def tables(taken: Sequence[Measurement]) -> str:
    """All tables: one for each number of hosts, delay and Python, then the goals."""
    told = []
    for key in dict.fromkeys((one.hosts, one.delay, one.python) for one in taken):
        group = Group([one for one in taken if (one.hosts, one.delay, one.python) == key])
        told += [_title(*key, group), "", *_times(group), "", *_costs(group), ""]
    return "\n".join([*told, *_goals(taken)])


def _title(hosts: int, delay: int, python: str, group: Group) -> str:
    far = f", {delay} ms away (each way)" if delay else ""
    loads = [one.load for one in group.taken]
    load = f"load average {min(loads):.0f}-{max(loads):.0f}"
    return f"### {hosts} host{'s' if hosts > 1 else ''}{far}, Python {python} ({load})"


def _times(group: Group) -> Iterator[str]:
    yield f"| | {OURS}: whole, s | switch at, s | spread, s | {THEIRS}: whole | switch at | spread | whole : whole |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for scenario in SCENARIOS:
        ours, theirs = group.costs(OURS, scenario), group.costs(THEIRS, scenario)
        cells = [cell for costs in (ours, theirs) for cell in _moments(costs)]
        if ours:
            yield f"| {scenario} | {' | '.join(cells)} | {_ratio(ours, theirs)} |"
    for scenario in (BUILD, STATUS):
        if ours := group.costs(OURS, scenario):
            yield f"| {scenario} | {_spanned(_all(ours, lambda c: c.wall))} | | | | | | |"
    if both := [_with_build(group, scenario) for scenario in CHANGED if group.costs(THEIRS, scenario)]:
        yield from both


def _with_build(group: Group, scenario: str) -> str:
    """The line for a redeploy that has to make its build as well."""
    builds, runs = group.costs(OURS, BUILD), group.costs(OURS, scenario)
    mine = builds[CHANGED.index(scenario) :: len(CHANGED)]
    both = [replace(run, wall=run.wall + build.wall) for build, run in zip(mine, runs, strict=True)]
    whole, theirs = _spanned(_all(both, lambda c: c.wall)), group.costs(THEIRS, scenario)
    return f"| {scenario}, with its build | {whole} | | | | | | {_ratio(both, theirs)} |"


def _costs(group: Group) -> Iterator[str]:
    yield (
        "| | operator's CPU, s | its memory, MB | to a host, kB | from it, kB | a host's CPU, s | logins | execs |"
        " round trips |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for scenario in (*SCENARIOS, STATUS):
        if not group.costs(OURS, scenario):
            continue
        columns: list[tuple[Pick, str]] = [
            (lambda c: c.cpu, ".2f"),
            (lambda c: c.memory / MEGABYTE, ".0f"),
            (lambda c: c.sent / KILOBYTE, ".1f"),
            (lambda c: c.received / KILOBYTE, ".1f"),
            (lambda c: c.host_cpu, ".2f"),
            (lambda c: c.logins, ".0f"),
            (lambda c: c.execs, ".0f"),
            (lambda c: c.waits, ".0f"),
        ]
        cells = (_pair(group, scenario, pick, digits) for pick, digits in columns)
        yield f"| {scenario} | {' | '.join(cells)} |"


def _goals(taken: Sequence[Measurement]) -> Iterator[str]:
    yield from ("### Goals", "", "| | median | goal | |", "| --- | --- | --- | --- |")
    for goal in GOALS:
        about = [one for one in taken if (one.hosts, one.delay) == (goal.hosts, goal.delay) and one.python != "3.9"]
        values = _all(Group(about).costs(OURS, goal.scenario), goal.pick)
        if values:
            median = statistics.median(values)
            met = "met" if median <= goal.most else "**missed**"
            yield f"| {goal.what} | {median:.3g} {goal.unit} | ≤ {goal.most:g} {goal.unit} | {met} |"


def _moments(costs: Sequence[Cost]) -> tuple[str, str, str]:
    picks: tuple[Pick, ...] = (lambda c: c.wall, lambda c: c.switched, lambda c: c.spread)
    whole, switched, spread = (_spanned(_all(costs, pick)) for pick in picks)
    return whole, switched, spread


def _ratio(ours: Iterable[Cost], theirs: Iterable[Cost]) -> str:
    ratios = [a.wall / b.wall for a, b in zip(ours, theirs, strict=False)]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def _pair(group: Group, scenario: str, pick: Pick, digits: str) -> str:
    """Ours, and theirs after a colon."""
    both = [_all(group.costs(tool, scenario), pick) for tool in (OURS, THEIRS)]
    return " : ".join(f"{statistics.median(values):{digits}}" for values in both if values)


def _all(costs: Iterable[Cost], pick: Pick) -> list[float]:
    return [value for cost in costs if (value := pick(cost)) is not None]


def _spanned(values: Sequence[float]) -> str:
    if not values:
        return ""
    median = f"{statistics.median(values):.2f}"
    return median if len(values) == 1 else f"{median} ({min(values):.2f}-{max(values):.2f})"
