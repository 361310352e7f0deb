"""How does a use case get at a target?  Sessions with its hosts, its ledger, and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from deployer import settings as settings_
from deployer.core import requests
from deployer.core.errors import DeployError, Drift, HostUnreachable, TargetLocked
from deployer.core.ledger import Ledger
from deployer.core.release import Spec
from deployer.core.secret import Secret
from deployer.hosts.fleet import Answers, Fleet, connected, first_of
from deployer.hosts.host import Host
from deployer.hosts.local import NAME as LOCAL_HOST
from deployer.hosts.session import Session
from deployer.ledger.book import READ, Book
from deployer.settings import Narrow, TargetSettings
from deployer.stages.events import DONE, WARNING, Event, Report
from deployer.stages.listener import Listener
from deployer.stages.operator import Operator
from deployer.stages.project import Project
from deployer.stages.ways import hosts_of

EVERYWHERE = Narrow()
T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """An open target: everything that release, run and the rest work with.

    `forgiving`: the user allows hosts to be missing.  `caught_up`: how many records each host's ledger had missed.
    `configs` are those of releases that were asked for.
    """

    project: Project
    settings: TargetSettings
    fleet: Fleet
    book: Book
    report: Report
    forgiving: bool = False
    caught_up: Mapping[str, int] = field(default_factory=dict)
    configs: dict[int, requests.Config] = field(default_factory=dict, compare=False)
    _specs: dict[int, Spec] = field(default_factory=dict, compare=False)

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
    def outdated(self) -> dict[str, DeployError]:
        """Why the ledger may be behind: the host whose ledger counts is missing, and this is another one's copy."""
        name = counting(self.settings, self.fleet)
        return {name: self.fleet.missing[name]} if name in self.fleet.missing else {}

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

    @property
    def present(self) -> set[int]:
        """The releases that a host has, any of them: the others can have them from it."""
        return {version for session in self.fleet.sessions for version in session.found.releases}

    @property
    def crashed(self) -> dict[int, str]:
        """The releases that a host saw crash again and again, and how."""
        several = len(self.fleet.sessions) > 1
        return {
            version: f"{why} ({session.host.name})" if several else why
            for session in self.fleet.sessions
            for version, why in session.found.crashed.items()
        }

    def holding(self, version: int) -> Session:
        """A host that has the release: the primary, or where it missed it any other."""
        having = [session for session in self.fleet.sessions if version in session.found.releases]
        return self.primary if self.primary in having or not having else having[0]

    def spec(self, version: int, then: Sequence[Any] = ()) -> Spec:
        """What release `version` is: asked once, since a release never changes; `then` as `Session.call` has it."""
        if version not in self._specs:
            self._specs[version] = self.holding(version).call(requests.ReadSpec(version), Spec, then=then)
        return self._specs[version]

    def narrowed(self, hosts: Sequence[str]) -> Target:
        """The same target, for some of its hosts."""
        return replace(self, settings=replace(self.settings, chosen=tuple(hosts)))

    def share(self, host: str, formation: Mapping[str, int]) -> dict[str, int]:
        """What `host` has of a formation: all, or the types that it `runs`."""
        runs = next((known.runs for known in self.settings.hosts if known.host == host), None)
        return {kind: count for kind, count in formation.items() if runs is None or kind in runs}

    def incomplete(self, what: str) -> DeployError | None:
        """The failure (exit code 40) that `what` was done, but not on every host; None if it was, or may be so."""
        if not self.fleet.missing or self.forgiving:
            return None
        error = first_of(self.fleet.missing)
        error.message = f"{what}, but not on every host: {error.message}"
        return error


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
    first: Callable[[Target], None] | None = None,
    lenient: bool = False,
) -> Iterator[Target]:
    """The target `name`, open; with `write` this is its one writer, or `TargetLocked` after `wait` seconds.

    `command` is what others are told that the holder runs: it holds no value of the config.  A host that cannot be
    reached is `HostUnreachable`, unless the caller is content with a `partial` answer, or the user allows it; `lenient`
    is the same for whatever else may be wrong with a host.  What takes its time and changes nothing comes `first`:
    others may write meanwhile.
    """
    target = settings_.narrowed(settings_.target(project.settings, name), narrow.hosts, narrow.limit)
    asked = claiming(project.operator, command, wait) if write else None
    with reached(project, target, _ahead(target, None if first else asked), lenient=lenient) as fleet:
        _refuse_damaged(fleet, lenient=lenient)
        name = counting(target, fleet)
        if target.chosen:
            needed = (name, target.router.host, *target.chosen)
            fleet.missing = {host: why for host, why in fleet.missing.items() if host in needed}
        primary = _primary(fleet, name, report, stand_in=partial and not write)
        _judge_missing(fleet, report, partial=partial, allowed=narrow.allow_missing)
        if first:
            first(Target(project, target, fleet, Book(fleet, primary), report, narrow.allow_missing))
        key = claim(primary, asked, report) if asked else None
        book = Book(fleet, primary)
        caught_up = {}
        if asked:
            _still_counts(target, book)
            claim_copies(fleet, primary, asked, key, report)
            caught_up = _brought_up_to_date(book, report)
        yield Target(project, target, fleet, book, report, narrow.allow_missing, caught_up)


def _brought_up_to_date(book: Book, report: Report) -> dict[str, int]:
    """How many records each host's copy of the ledger had missed; told, too."""
    caught_up = book.bring_up_to_date()
    for host, records in caught_up.items():
        report(Event(DONE, f"its ledger had missed {records} records", host))
    return caught_up


@contextmanager
def reached(
    project: Project, target: TargetSettings, ahead: Sequence[Any] = (), *, lenient: bool = False
) -> Iterator[Fleet]:
    """Open sessions with the hosts of this command that can be reached, and with the one whose ledger counts.

    `ahead` is what the first of the target will be asked next (`Session.call`).
    """
    known = hosts_of(project, target)

    def begin(session: Session) -> requests.Opened:
        then = ahead if session.host.name == known[0].name else ()
        return session.open(asked_open(project, target, session.host), then)

    with connected([host for host in known if _wanted(target, host.name)]) as fleet:
        fleet.keep(fleet.ask(begin), lenient=lenient)
        name = counting(target, fleet)
        if name and name not in fleet.missing and all(session.host.name != name for session in fleet.sessions):
            host = next(host for host in known if host.name == name)
            try:
                fleet.join(host).open(asked_open(project, target, host))
            except HostUnreachable as error:
                fleet.missing[name] = error
        yield fleet


def counting(target: TargetSettings, fleet: Fleet) -> str:
    """The name of the host whose ledger counts: the one that was promoted last, else the first of the target."""
    names = [host.host for host in target.hosts]
    promotions = [(s.found.seq, s.found.primary) for s in fleet.sessions if s.found.primary in names]
    if promotions:
        return max(promotions)[1]
    return names[0] if names else LOCAL_HOST


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


def _refuse_damaged(fleet: Fleet, *, lenient: bool) -> None:
    damaged = {s.host.name: Drift(d.message, hint=d.hint) for s in fleet.sessions if (d := s.found.damage)}
    if lenient and len(damaged) < len(fleet.sessions):  # there is a ledger to compare the others with
        fleet.set_aside(damaged)
    for session in fleet.sessions:
        if damage := session.found.damage:
            more = "; `deploy ledger verify` compares all copies" if len(fleet.sessions) > 1 else ""
            details = {"hosts": [{"host": session.host.name, "ok": False, "error": damage.message}]}
            raise Drift(f"{session.host.name}: {damage.message}", hint=damage.hint + more, details=details)


def _primary(fleet: Fleet, name: str, report: Report, *, stand_in: bool) -> Session:
    """The session with the host whose ledger counts; with `stand_in`, where it is missing, with the newest copy."""
    try:
        return fleet.named(name)
    except (HostUnreachable, Drift) as error:
        if not fleet.sessions:
            raise
        if not stand_in:
            error.hint += (
                "; its ledger counts: if it is lost for good, `deploy ledger promote HOST` makes another host's copy"
                " the one that counts"
            )
            raise
        copy = max(fleet.sessions, key=lambda session: session.found.seq)
        why = "read" if isinstance(error, Drift) else "reached"
        report(Event(WARNING, f"its ledger counts, and it cannot be {why}: this is {copy.host.name}'s copy", name))
        return copy


def _judge_missing(fleet: Fleet, report: Report, *, partial: bool, allowed: bool) -> None:
    if not fleet.missing or (partial and not allowed):
        return  # the caller tells of them
    if not allowed:
        raise first_of(fleet.missing)
    for error in fleet.missing.values():
        report(Event(WARNING, f"left out: {error.message}"))


def _still_counts(target: TargetSettings, book: Book) -> None:
    """Whoever waited for the lock may have waited for a promotion."""
    promoted, held = book.ledger.primary, book.primary.host.name
    if promoted != held and promoted in (host.host for host in target.hosts):
        raise TargetLocked(f"{promoted} was promoted meanwhile: its ledger counts now", hint="run the command again")


def claiming(operator: Operator, command: str, wait: float) -> requests.Claim:
    """How one asks the primary to become the one writer."""
    return requests.Claim(wait=wait, who=operator.who, command=command, at=operator.now())


def _ahead(target: TargetSettings, asked: requests.Claim | None) -> list[Any]:
    """What the first host can be asked along with `Open`; of several, another one may have to be locked first."""
    if asked is None:
        return [READ]
    return [asked, READ] if len(target.hosts) <= 1 else []


def claim(first: Session, asked: requests.Claim, report: Report) -> Secret:
    """Become the target's one writer on the primary, which decides between two; the key of the config's digests."""
    told = first.call(asked, requests.Claimed, heard=Listener(report, first), then=[READ])
    _tell(first, told, report)
    return told.key


def claim_copies(
    fleet: Fleet, first: Session, asked: requests.Claim, key: Secret | None, report: Report, *, tidy: bool = True
) -> None:
    """Become the one writer on all other hosts, too; they get the key.  Once it is known that their ledgers fit."""

    def one(session: Session) -> requests.Claimed:
        request = requests.Claim(max(asked.wait, 5), asked.who, asked.command, asked.at, key, tidy=tidy)
        return session.call(request, requests.Claimed, heard=Listener(report, session))

    others = [session for session in fleet.sessions if session is not first]
    told = fleet.ask(one, others).all()
    for session in others:
        _tell(session, told[session.host.name], report)


def _tell(session: Session, claimed: requests.Claimed, report: Report) -> None:
    for what in claimed.recovered:
        report(Event(WARNING, what, session.host.name))


def _wanted(target: TargetSettings, host: str) -> bool:
    """Whether a command that may be narrowed speaks with `host`.

    The first host's ledger is the one that counts, and a router in front of all hosts hears of every run.
    """
    return not target.chosen or host in (target.hosts[0].host, target.router.host, *target.chosen)
