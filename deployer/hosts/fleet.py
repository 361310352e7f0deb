"""How is one request put to many hosts?  All at once; every host's answer or failure is kept, never only the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from deployer.core.errors import DeployError, Drift, HostFailed, HostUnreachable
from deployer.hosts.host import Host
from deployer.hosts.session import Session

AT_ONCE = 100
T = TypeVar("T")
S = TypeVar("S")


class Answers(Generic[T]):
    """What each host answered, in the target's order: a reply, or a failure."""

    def __init__(self, replies: dict[str, T], failures: dict[str, DeployError]) -> None:
        self.replies, self.failures = replies, failures

    def all(self) -> dict[str, T]:
        """The replies, if every host gave one; else the first failure, which names all hosts that failed."""
        if self.failures:
            raise first_of(self.failures)
        return self.replies


def first_of(failures: dict[str, DeployError]) -> DeployError:
    """One failure for all: the first, whose details name every host that failed.  Twice is as once."""
    name, first = next(iter(failures.items()))
    first.details.setdefault("hosts", [{"host": h, "ok": False, "error": e.message} for h, e in failures.items()])
    if len(failures) > 1:
        others = ", ".join(host for host in failures if host != name)
        more = f" (and {len(failures) - 1} more: {others})"
        first.message = first.message.removesuffix(more) + more
    return first


class CannotSay(HostUnreachable):
    """A host answers, and cannot say how it is: its service manager is gone, its ledger is damaged."""


def cannot_say(host: str, error: DeployError) -> DeployError:
    """`error` of a host as a reason to leave it out of an answer."""
    if isinstance(error, (HostUnreachable, HostFailed, Drift)):
        return error
    told = error.message if host in error.message else f"{host}: {error.message}"
    return CannotSay(told, hint=error.hint, output=error.output, details=error.details)


class Fleet:
    """Open sessions with hosts of a target, in its order.  `missing` are those that could not be reached."""

    def __init__(self, sessions: Sequence[Session], missing: dict[str, DeployError], pool: ThreadPoolExecutor) -> None:
        self.sessions, self.missing, self._pool = list(sessions), missing, pool
        self._begun = list(sessions)

    def named(self, host: str) -> Session:
        """The session with `host`; if there is none, why it could not be reached, and which others could not."""
        for session in self.sessions:
            if session.host.name == host:
                return session
        if host in self.missing:
            raise first_of({host: self.missing[host], **self.missing})
        raise HostUnreachable(f"{host} is not among the hosts of this command")

    def join(self, host: Host) -> Session:
        """Begin a session with one more host."""
        session = _begin(host)
        self._begun.append(session)
        self.sessions.append(session)
        return session

    def close(self) -> None:
        """End all sessions at the same time, though every thread of the pool may still wait for one of them."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            _at_once(pool, Session.close, self._begun)

    def keep(self, answers: Answers[T], *, lenient: bool = False) -> None:
        """Go on with the hosts that answered; unless `lenient`, any failure but an unreachable host is raised."""
        if lenient:
            self.set_aside(answers.failures)
            return
        for error in answers.failures.values():
            if not isinstance(error, HostUnreachable):
                raise first_of(answers.failures)
        self.missing.update(answers.failures)
        self.sessions = [session for session in self.sessions if session.host.name in answers.replies]

    def set_aside(self, failures: Mapping[str, DeployError]) -> None:
        """Go on without these hosts, whatever is wrong with each: it is told as `missing`, and one of them at the end.

        A host that cannot say how it is counts as one that cannot be reached; `Drift` says more.
        """
        for name, error in failures.items():
            self.missing[name] = cannot_say(name, error)
        self.sessions = [session for session in self.sessions if session.host.name not in failures]

    def ask(self, question: Callable[[Session], T], among: Sequence[Session] | None = None) -> Answers[T]:
        """Put `question` to every host (or those `among`) at the same time."""
        asked = self.sessions if among is None else list(among)
        told = dict(zip([s.host.name for s in asked], _at_once(self._pool, question, asked), strict=True))
        return _sorted(told)


@contextmanager
def connected(hosts: Sequence[Host]) -> Iterator[Fleet]:
    """Sessions with all hosts that can be reached, all begun at the same time.

    They are closed, and what is unconfirmed is so undone, however the block is left.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = dict(zip([host.name for host in hosts], _at_once(pool, _begin, hosts), strict=True))
        answers = _sorted(begun)
        fleet = Fleet(list(answers.replies.values()), answers.failures, pool)
        try:
            yield fleet
        finally:
            fleet.close()


def _begin(host: Host) -> Session:
    return Session(host, host.start())


def _at_once(pool: ThreadPoolExecutor, question: Callable[[S], T], asked: Sequence[S]) -> list[T | DeployError]:
    def one(of: S) -> T | DeployError:
        try:
            return question(of)
        except DeployError as error:
            return error

    return [one(asked[0])] if len(asked) == 1 else list(pool.map(one, asked))


def _sorted(told: dict[str, T | DeployError]) -> Answers[T]:
    return Answers(
        {name: answer for name, answer in told.items() if not isinstance(answer, DeployError)},
        {name: answer for name, answer in told.items() if isinstance(answer, DeployError)},
    )
