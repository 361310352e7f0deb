"""How is one request put to many hosts?  All at once; every host's answer or failure is kept, never only the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Generic, TypeVar

from deployer.core.errors import DeployError
from deployer.hosts.host import Host
from deployer.hosts.session import Session

AT_ONCE = 32
T = TypeVar("T")


class Answers(Generic[T]):
    """What each host answered, in the target's order: a reply, or a failure."""

    def __init__(self, replies: dict[str, T], failures: dict[str, DeployError]) -> None:
        self.replies, self.failures = replies, failures

    def all(self) -> dict[str, T]:
        """The replies, if every host gave one; else the first failure, which names all hosts that failed."""
        if self.failures:
            first = next(iter(self.failures.values()))
            first.details.setdefault("hosts", [{"host": h, "error": e.message} for h, e in self.failures.items()])
            raise first
        return self.replies


class Fleet:
    """Open sessions with the hosts of a target; the first is the primary, whose ledger counts."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = list(sessions)

    @property
    def primary(self) -> Session:
        """The host whose ledger counts."""
        return self.sessions[0]

    def ask(self, question: Callable[[Session], T], among: Sequence[Session] | None = None) -> Answers[T]:
        """Put `question` to every host at the same time."""
        asked = self.sessions if among is None else list(among)

        def one(session: Session) -> T | DeployError:
            try:
                return question(session)
            except DeployError as error:
                return error

        if len(asked) == 1:
            answers = [one(asked[0])]
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                answers = list(pool.map(one, asked))
        told = {session.host.name: answer for session, answer in zip(asked, answers, strict=True)}
        return Answers(
            {name: answer for name, answer in told.items() if not isinstance(answer, DeployError)},
            {name: answer for name, answer in told.items() if isinstance(answer, DeployError)},
        )


@contextmanager
def connected(hosts: Sequence[Host]) -> Iterator[Fleet]:
    """Sessions with all hosts; closed, and so undone where unconfirmed, however the block is left."""
    with ExitStack() as stack:
        yield Fleet([stack.enter_context(Session(host, host.start())) for host in hosts])
