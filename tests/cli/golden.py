"""What a person sees, rendered from recorded events: on `local`, three hosts and fifty, at three widths.

`python -m tests.cli.golden` writes the files in golden/ anew; look at them as somebody who has never seen the program.
"""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from deployer.cli import failure, heading, outcome, ps, releases, status
from deployer.cli.call import Call
from deployer.cli.display import steps
from deployer.cli.display.progress import Progress
from deployer.cli.display.screen import Screen
from deployer.core.errors import RunFailed
from deployer.core.ledger import Release
from deployer.core.requests import Seen
from deployer.settings import HostSettings, Narrow, TargetSettings
from deployer.stages.events import Event
from deployer.stages.run import Ran
from deployer.stages.view import HostStatus, ReleaseLine
from deployer.stages.wanted import HostOutcome

from .terminal import ROOT

FOLDER = ROOT / "tests/cli/golden"
TARGETS = {
    "local": TargetSettings("local"),
    "3-hosts": TargetSettings("production", tuple(HostSettings(f"web{n}.example.com") for n in range(1, 4))),
    "50-hosts": TargetSettings("production", tuple(HostSettings(f"web{n:02}.example.com") for n in range(1, 51))),
}
WIDTHS = (40, 80, 120)
COMMIT = "commit abc1234 Fix the cart when it is empty"
RELEASES = (
    (43, "restored", "9e8d7c6", "Keep carts in the database, and not in the session"),
    (42, "succeeded", "abc1234", "Fix the cart when it is empty"),
    (41, "succeeded", "0f1e2d3", "Say what is in the cart"),
)
NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


class Paper(io.StringIO):
    """A terminal that keeps what it is sent."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@dataclass
class Clock:
    """Seconds that pass when the recording says so."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """One command on one target, shown on paper."""

    def __init__(self, target: TargetSettings, width: int, *, colour: bool) -> None:
        self.paper, self.clock, self.target = Paper(), Clock(), target
        look = {"FORCE_COLOR": "1"} if colour else {"NO_COLOR": "1"}
        environ = {"CI": "true", "COLUMNS": str(width), **look}  # CI: nothing is live, so that each line comes once
        self.screen = Screen(self.paper, self.paper, environ, now=lambda: NOW)
        self.progress = Progress(self.screen, self.clock)
        self.hosts = [host.host for host in target.hosts] or ["local"]
        self.progress.hosts = self.hosts
        self.call = Call("deploy ship", None, 0, Narrow(), ".", {}, self.screen, self.progress, began=self.clock())

    def title(self, text: str) -> None:
        self.paper.write(f"\n$ {text}\n")

    def step(self, text: str, seconds: float, host: str = "", ended: str = "done") -> None:
        self.progress.report(Event("step", text, host))
        self.clock.now += seconds
        self.progress.report(Event(ended, text, host))

    def on_all(self, text: str, seconds: float, failing: str = "") -> None:
        for host in self.hosts:
            self.progress.report(Event("step", text, host))
        for number, host in enumerate(self.hosts):
            self.clock.now += seconds / len(self.hosts)
            self.progress.report(Event("failed" if host == failing else "done", text, self.hosts[number]))

    def begin(self, *parts: str) -> None:
        self.screen.headline([heading.place("shop", self.target), *parts])


def ship(scene: Scene) -> None:
    """It goes well."""
    scene.title("deploy ship")
    scene.begin("v41 → v42", COMMIT)
    scene.step("checking out abc1234def56", 0.2)
    scene.progress.report(Event("warning", "not committed, so not in the build: notes.txt"))
    scene.step("packing (python)", 14.0)
    scene.step("storing the build", 0.4)
    if scene.target.hosts:
        scene.on_all("sending 34 files, 1.2 MB", 2.1)
    scene.step("releasing v42", 0.3)
    scene.step("release command of v42", 3.2)
    if scene.target.hosts:
        scene.on_all("preparing v42", 6.0)
    scene.on_all("running v42", 5.5)
    urls = ("https://shop.example.com",) if scene.target.hosts else ("http://127.0.0.1:8000",)
    hosts = [HostOutcome(host, 42, ok=True, seconds=5.4) for host in scene.hosts]
    outcome.show(Ran(42, "b" * 64, "succeeded", 41, hosts, urls=urls), scene.call, COMMIT)


def fail(scene: Scene) -> None:
    """It does not come up on the second host."""
    scene.title("deploy ship  (web cannot connect to its database)")
    bad = scene.hosts[min(1, len(scene.hosts) - 1)]
    scene.begin("v42 → v43", "commit 9e8d7c6 Keep carts in the database, and not in the session")
    scene.step("checking out 9e8d7c61f00d", 0.2)
    scene.step("packing (python)", 6.1)
    scene.step("storing the build", 0.4)
    scene.step("releasing v43", 0.3)
    scene.step("release command of v43", 3.2)
    scene.on_all("preparing v43" if scene.target.hosts else "running v43", 60.4, failing=bad)
    scene.progress.give_up()
    told = "web.0 of v43 answered 500 at /up after 60 s; v42 serves on, untouched"
    several = [
        {"host": host, "release": 42, "ok": host != bad, "error": told if host == bad else ""} for host in scene.hosts
    ]
    output = "Traceback (most recent call last):\npsycopg.OperationalError: connection refused"
    hosts = f"--hosts {bad} " if len(scene.hosts) > 1 else ""
    hint = f"`deploy logs {hosts}--release v43 web.0` shows all it has written"
    failure.show(RunFailed(told, hint=hint, output=output, details={"host": bad, "hosts": several}), scene.screen)


def waits(scene: Scene, width: int) -> None:
    """The live lines of a moment, as they would stand there."""
    scene.title("deploy ship  (as it is running)")
    known = {}
    for number, host in enumerate(scene.hosts):
        one = steps.Step("running v42", 100.0, ended=106.5 if number % 7 == 6 else None)
        one.phase, one.since, one.of = "web.1: waiting for an answer to GET /up on port 8000", 100.0, 60.0
        known[host] = one
    shown = steps.live(known, scene.hosts, marks=steps.PRETTY, now=112.4, width=width, height=20)
    scene.paper.write("".join(f"{line}\n" for _, line in shown))


def look(scene: Scene) -> None:
    """The tables that a person asks for."""
    since = NOW.timestamp() - 130
    rows = [(host, Seen("web.1", 42, "up", 1234567, 8000, since, 0, "")) for host in scene.hosts]
    rows.append((scene.hosts[0], Seen("worker.1", 42, "crashed", 0, 0, since, 7, "exited with code 3 after 0.9 s")))
    scene.title("deploy ps")
    scene.screen.answer({}, ps.lines(rows, scene.screen))
    scene.title("deploy releases")
    lines = []
    body = {"build": "b" * 64, "config": "c" * 64, "spec": "d" * 64, "by": "ana@laptop.example.com", "cause": "ship"}
    for version, result, commit, subject in RELEASES:
        made = Release(version=version, commit=commit * 5, at="2026-12-01T10:00:00Z", **body)
        lines.append(ReleaseLine(made, result, version == 42, present=True, subject=subject))
    scene.screen.answer({}, releases._table(scene.call, lines))
    scene.title("deploy status")
    drift = ["worker.1 is crashed (exited with code 3 after 0.9 s)"]
    known = [
        HostStatus(host, "v42", [one for at, one in rows if at == host], [], "", "systemd") for host in scene.hosts
    ]
    known[0] = HostStatus(scene.hosts[0], "v42", known[0].processes, drift, "", "systemd")
    table = [[one.host, one.current, status._processes(one), status._drift(one)] for one in known]
    scene.screen.answer({}, scene.screen.table(status.HEAD, table, wrong=[0]))


def rendered(name: str, width: int, *, colour: bool) -> str:
    """All of it, as one text."""
    paper = ""
    for part in (ship, fail, look):
        scene = Scene(TARGETS[name], width, colour=colour)
        part(scene)
        paper += scene.paper.getvalue()
    scene = Scene(TARGETS[name], width, colour=colour)
    waits(scene, width)
    return (paper + scene.paper.getvalue()).replace("\x1b", "␛")


def files():
    """Every golden file, with what belongs in it."""
    for name in TARGETS:
        for width in WIDTHS:
            for colour in (False, True):
                path = FOLDER / f"{name}-{width}-{'colour' if colour else 'plain'}.txt"
                yield path, (name, width, colour)


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    for path, (name, width, colour) in files():
        path.write_text(rendered(name, width, colour=colour))
    sys.stdout.write(f"{FOLDER}\n")
