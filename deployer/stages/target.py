"""How does a use case get at a target?  Sessions with its hosts, its ledger, and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from deployer import settings as settings_
from deployer.core import requests, wire
from deployer.core.errors import DeployError, HostUnreachable
from deployer.core.ledger import Ledger
from deployer.hosts.fleet import Answers, Fleet, connected, first_of
from deployer.hosts.host import Host
from deployer.hosts.local import Local
from deployer.hosts.session import Session
from deployer.hosts.ssh import Ssh, SshAccess
from deployer.hosts.ssh_settings import SshSettings
from deployer.ledger.book import Book
from deployer.settings import HostSettings, Narrow, TargetSettings
from deployer.stages.events import OUTPUT, WAITING, WARNING, Event, Report
from deployer.stages.operator import Operator
from deployer.stages.project import Project

LONGEST_LINE = 1 << 16  # bytes of output that are held back for the end of their line
EVERYWHERE = Narrow()
T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """An open target: everything that release, run and the rest work with.

    `forgiving`: the user allows hosts to be missing.
    """

    project: Project
    settings: TargetSettings
    fleet: Fleet
    book: Book
    report: Report
    forgiving: bool = False

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
        return self.book.primary

    @property
    def app(self) -> str:
        """The app's name."""
        return self.project.settings.app

    @property
    def chosen(self) -> list[Session]:
        """The hosts that this command is for: all that answer, or those it was narrowed to."""
        names = self.settings.chosen
        return [session for session in self.fleet.sessions if not names or session.host.name in names]

    @property
    def whole(self) -> bool:
        """Whether this command is for all hosts of the target."""
        return not self.settings.chosen

    def ask(self, question: Callable[[Session], T]) -> Answers[T]:
        """Put `question` to all hosts that this command is for."""
        return self.fleet.ask(question, self.chosen)

    def share(self, host: str, formation: Mapping[str, int]) -> dict[str, int]:
        """What `host` has of a formation: all, or the types that it `runs`."""
        runs = next((known.runs for known in self.settings.hosts if known.host == host), ())
        return {kind: count for kind, count in formation.items() if not runs or kind in runs}

    def complain(self, what: str) -> None:
        """`HostUnreachable` (exit code 40) if a host was missing, although `what` was done on all others."""
        if self.fleet.missing and not self.forgiving:
            error = first_of(self.fleet.missing)
            error.message = f"{what}, but not on every host: {error.message}"
            raise error


@contextmanager
def opened(
    project: Project,
    name: str | None,
    *,
    command: str,
    write: bool,
    wait: float = 0,
    report: Report,
    narrow: Narrow = EVERYWHERE,
    partial: bool = False,
) -> Iterator[Target]:
    """The target `name`, open; with `write` this is its one writer, or `TargetLocked` after `wait` seconds.

    `command` is what others are told that the holder runs: it holds no value of the config.  A host that cannot be
    reached is `HostUnreachable`, unless the caller is content with a `partial` answer, or the user allows it.
    """
    target = settings_.narrowed(settings_.target(project.settings, name), narrow.hosts, narrow.limit)
    with connected(_hosts(project, target)) as fleet:
        fleet.keep(fleet.ask(lambda session: session.open(asked_open(project, target, session.host))))
        primary = _primary(target, fleet)
        _judge_missing(fleet, report, partial=partial, allowed=narrow.allow_missing)
        if write:
            _claim(project.operator, fleet, primary, command=command, wait=wait, report=report)
        book = Book(fleet, primary)
        if write:
            book.bring_up_to_date()
        yield Target(project, target, fleet, book, report, narrow.allow_missing)


def asked_open(project: Project, target: TargetSettings, host: Host) -> requests.Open:
    """How a session with `host` begins."""
    auto = target.manager == "auto"
    return requests.Open(
        app=project.settings.app,
        target=target.name,
        host=host.name,
        root=host.root,
        manager="supervisor" if auto and target.is_local else target.manager,
        silence=target.confirm_timeout,
    )


def _primary(target: TargetSettings, fleet: Fleet) -> Session:
    """The host whose ledger counts: the one that was promoted last, else the first of the target."""
    names = [host.host for host in target.hosts]
    promotions = [(s.found.seq, s.found.primary) for s in fleet.sessions if s.found.primary in names]
    declared = names[0] if names else fleet.sessions[0].host.name if fleet.sessions else ""
    try:
        return fleet.named(max(promotions)[1] if promotions else declared)
    except DeployError as error:
        if isinstance(error, HostUnreachable) and fleet.sessions:
            error.hint += (
                "; its ledger counts: if it is lost for good, `deploy ledger promote HOST` makes another host's copy"
                " the one that counts"
            )
        raise


def _judge_missing(fleet: Fleet, report: Report, *, partial: bool, allowed: bool) -> None:
    if partial or not fleet.missing:
        return  # the caller tells of them
    if not allowed:
        raise first_of(fleet.missing)
    for error in fleet.missing.values():
        report(Event(WARNING, f"left out: {error.message}"))


def _claim(operator: Operator, fleet: Fleet, primary: Session, *, command: str, wait: float, report: Report) -> None:
    """Become the target's one writer: first on the primary, which decides between two, then on the others."""
    asked = requests.Claim(wait=wait, who=operator.who, command=command, at=operator.now())
    first = primary.call(asked, requests.Claimed, heard=Listener(report, primary))
    shared = requests.Claim(max(wait, 5), operator.who, command, asked.at, first.key)
    others = [session for session in fleet.sessions if session is not primary]
    told = fleet.ask(lambda s: s.call(shared, requests.Claimed, heard=Listener(report, s)), others).all()
    for host, claimed in {primary.host.name: first, **told}.items():
        for what in claimed.recovered:
            report(Event(WARNING, what, host))


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
    if target.is_local:
        root = project.settings.folder / target.path if target.path else project.operator.root(project.settings.app)
        return [Local(str(Path(root).absolute()), project.operator.cache)]
    wanted = {target.hosts[0].host, *target.chosen} if target.chosen else {host.host for host in target.hosts}
    access = _access(project, target)
    return [remote(project, target, host, access) for host in target.hosts if host.host in wanted]


def _access(project: Project, target: TargetSettings) -> SshAccess:
    bounds = SshSettings(connect_timeout=target.ssh.connect_timeout, concurrency=target.ssh.concurrency)
    return SshAccess(bounds, project.operator.home, project.operator.passphrase)


def remote(project: Project, target: TargetSettings, host: HostSettings, access: SshAccess) -> Ssh:
    """The host as it is reached over SSH."""
    return Ssh(
        host.host,
        host.path or target.path,
        project.operator.cache,
        access,
        app=project.settings.app,
        user=host.user or target.user,
        port=host.port,
        sudo=target.sudo if host.sudo is None else host.sudo,
    )
