"""In which order is what measured?  Tool by tool in turn, scenario by scenario, on the same hosts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import app as apps
from benchmarks.fleet.hosts import fleet
from benchmarks.fleet.meter import Cost
from benchmarks.fleet.tools import CHANGED, SCENARIOS, Capistrano, Deployer, Tool, served
from benchmarks.fleet.turns import counted
from tests.lab import access, network
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.latency import slow_lines

EACH_WAY = 0.025  # seconds
SLOW = (1, 10)  # hosts
BUILD, STATUS = "build of the change", "status"
PYTHONS = {"bookworm": "3.11", "bullseye": "3.9"}
Tell = Callable[["Measurement"], None]


@dataclass(frozen=True)
class Measurement:
    """One command of one tool; `delay` is in milliseconds each way, `python` the hosts'."""

    tool: str
    scenario: str
    hosts: int
    delay: int
    python: str
    load: float
    cost: Cost

    def document(self) -> dict[str, object]:
        """The measurement for JSON."""
        about = {name: getattr(self, name) for name in ("tool", "scenario", "hosts", "delay", "python", "load")}
        return {**about, **self.cost.document()}


def on_fleet(count: int, rounds: int, slow: int, tell: Tell, *, suite: str = "bookworm", alone: bool = False) -> None:
    """Every scenario `rounds` times, and `slow` times on slow lines; `alone`: without Capistrano."""
    trials = [f"r{number}" for number in range(rounds)]
    far = [f"s{number}" for number in range(slow)]
    with fleet(count, suite=suite, git=not alone) as (lab, hosts, here):
        app = apps.made(here / "app")
        home = here / "home"
        (home / ".ssh").mkdir(parents=True)
        configuration = home / ".ssh" / "config"
        configuration.write_text(lab.ssh_config.read_text())
        ours = Deployer(app, hosts, home, [*trials, *far])
        with served(app, str(network.subnet(lab.number)[1])) as repository:
            tools: list[Tool] = [ours] if alone else [ours, Capistrano(hosts, home, repository)]
            one = Series(app, ours, tools, count, PYTHONS[suite], tell)
            ours.build()
            for trial in trials:
                one.go(trial, [], 0)
            if far:
                with far_away(lab, hosts, here) as (config, waits):
                    configuration.write_text(config.read_text())
                    for trial in far:
                        one.go(trial, waits, round(EACH_WAY * 1000))


@contextlib.contextmanager
def far_away(lab: Lab, hosts: Sequence[Host], folder: Path) -> Iterator[tuple[Path, list[float]]]:
    """An ssh configuration by which all hosts are far away, and the operator's waits for the first of them."""
    targets = [(host.address, access.DOOR) for host in hosts]
    with slow_lines(targets, each_way=EACH_WAY) as doors, counted(doors[0], round_trip=2 * EACH_WAY) as (door, waits):
        by_name = dict(zip([host.name for host in hosts], [door, *doors[1:]], strict=True))
        place = folder / "far"
        place.mkdir()
        yield access.write_files(place, hosts, lab.key, doors=by_name), waits


class Series:
    """One fleet's measurements."""

    def __init__(
        self, app: apps.App, ours: Deployer, tools: Sequence[Tool], hosts: int, python: str, tell: Tell
    ) -> None:
        self._app, self._ours, self._tools, self._hosts, self._python = app, ours, tools, hosts, python
        self._tell, self._changes = tell, 0

    def go(self, trial: str, waits: Sequence[float], delay: int) -> None:
        """All scenarios once; who begins changes every time."""
        order = list(self._tools)
        for scenario in SCENARIOS:
            if scenario in CHANGED:
                self._changes += 1
                self._app.change_a_line(self._changes)
                self._note(self._ours.name, BUILD, delay, self._ours.build())
            for tool in order:
                self._note(tool.name, scenario, delay, tool.do(scenario, trial, waits))
            order.reverse()
        self._note(self._ours.name, STATUS, delay, self._ours.look(trial))

    def _note(self, tool: str, scenario: str, delay: int, cost: Cost) -> None:
        load = round(os.getloadavg()[0], 1)
        self._tell(Measurement(tool, scenario, self._hosts, delay, self._python, load, cost))
