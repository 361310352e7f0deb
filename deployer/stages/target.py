"""How does a use case get at a target?  Sessions with its hosts, its ledger, and who is asking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer import settings as settings_
from deployer.core import requests, wire
from deployer.core.errors import UsageError
from deployer.core.ledger import Ledger
from deployer.hosts.fleet import Fleet, connected
from deployer.hosts.host import Host
from deployer.hosts.local import Local
from deployer.hosts.session import Session
from deployer.ledger.book import Book
from deployer.settings import TargetSettings
from deployer.stages.events import OUTPUT, WAITING, WARNING, Event, Report
from deployer.stages.operator import Operator
from deployer.stages.project import Project

LONGEST_LINE = 1 << 16  # bytes of output that are held back for the end of their line


@dataclass(frozen=True)
class Target:
    """An open target: everything that release, run and the rest work with."""

    project: Project
    settings: TargetSettings
    fleet: Fleet
    book: Book
    report: Report

    @property
    def operator(self) -> Operator:
        """Who asks."""
        return self.project.operator

    @property
    def ledger(self) -> Ledger:
        """The target's ledger as it is now."""
        return self.book.ledger

    @property
    def primary(self) -> Session:
        """The host whose ledger counts."""
        return self.fleet.primary

    @property
    def app(self) -> str:
        """The app's name."""
        return self.project.settings.app


@contextmanager
def opened(
    project: Project, name: str | None, *, command: str, write: bool, wait: float = 0, report: Report
) -> Iterator[Target]:
    """The target `name`, open; with `write` this is its one writer, or `TargetLocked` after `wait` seconds.

    `command` is what others are told that the holder runs: it holds no value of the config.
    """
    target = settings_.target(project.settings, name)
    operator = project.operator
    with connected(_hosts(project, target)) as fleet:

        def begin(session: Session) -> requests.Opened:
            request = requests.Open(
                app=project.settings.app,
                target=target.name,
                root=session.host.root,
                write=write,
                wait=wait,
                who=operator.who,
                command=command,
                at=operator.now(),
            )
            return session.open(request, Listener(report, session))

        for host, told in fleet.ask(begin).all().items():
            for what in told.recovered:
                report(Event(WARNING, what, host))
        yield Target(project, target, fleet, Book(fleet), report)


class Listener:
    """What to do with the frames that come during a request: tell them as events, output line by line."""

    def __init__(self, report: Report, session: Session) -> None:
        self._report, self._host, self._rest = report, session.host.name, b""

    def __call__(self, kind: bytes, payload: bytes) -> None:
        """Take one frame."""
        if kind == wire.EVENT:
            told = wire.load(payload)
            self._report(Event(WAITING if told["event"] == "waiting" else WARNING, told["text"], self._host))
        elif kind == wire.STDOUT:
            *lines, self._rest = (self._rest + payload).split(b"\n")
            for line in lines:
                self._tell(line)
            if len(self._rest) > LONGEST_LINE:
                self.end()

    def end(self) -> None:
        """Tell what came last and had no end of its line: often why the command failed."""
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def _tell(self, line: bytes) -> None:
        self._report(Event(OUTPUT, line.decode(errors="replace"), self._host))


def _hosts(project: Project, target: TargetSettings) -> list[Host]:
    operator = project.operator
    if not target.is_local:
        raise UsageError(
            f"targets.{target.name}: this version deploys to this machine alone, the target `local`",
            hint="`deploy -t local …`; hosts over SSH come with the next version",
        )
    root = project.settings.folder / target.path if target.path else operator.root(project.settings.app)
    return [Local(str(Path(root).absolute()), operator.cache)]
