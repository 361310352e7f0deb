"""What do the processes of all hosts write?  Their last lines in the order of time, or every new one as it comes."""

from __future__ import annotations

import contextlib
import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from deployer.core import requests, wire
from deployer.core.errors import DeployError, HostUnreachable, NotFound
from deployer.hosts.fleet import first_of
from deployer.hosts.session import Session
from deployer.stages.target import Target

SETTLE = 0.2  # seconds in which lines of several hosts that follow are put in order
AHEAD = 10_000  # pieces that are held for a caller who is slow
LEAVING = 5.0  # seconds that all hosts together may take to end what they follow


@dataclass(frozen=True)
class Written:
    """What a process wrote: a line with its end, lines, or (with `follow`) a part of one.

    `at` is its time in seconds of the epoch, 0 where the process manager does not know it.
    """

    host: str
    process: str
    at: float
    text: bytes


Lost = dict[str, DeployError]


def tail(target: Target, asked: requests.Logs) -> tuple[list[Written], Lost]:
    """The last lines on every host in the order of time, and the hosts that could not tell.

    Those whose time is unknown come first, host by host and process by process, each in its own order.
    """

    def one(session: Session) -> list[Written]:
        found: list[Written] = []
        session.call(asked, requests.Done, heard=_hearing(session, found.append))
        return found

    answers = target.ask(one)
    lost = _judged(answers.failures, len(answers.replies))
    return in_order(line for lines in answers.replies.values() for line in lines), lost


def follow(
    target: Target, asked: requests.Logs, emit: Callable[[Written], None], told: Callable[[str, DeployError], None]
) -> Lost:
    """Give `emit` the last lines of every host and all that come, for as long as one host lives.

    `told` hears at once of a host that was lost; all of those are returned.
    """
    sessions, failures, ended = target.chosen, Lost(), 0
    with _streams(sessions, asked) as arrived:
        while ended < len(sessions):
            lines = []
            for item in _together(arrived, SETTLE if len(sessions) > 1 else 0):
                if isinstance(item, Written):
                    lines.append(item)
                    continue
                ended += 1
                host, error = item
                if error is not None:
                    failures[host] = error
                    if not isinstance(error, NotFound):
                        told(host, error)
            for line in in_order(lines):
                emit(line)
    return _judged(failures, len(sessions) - len(failures))


def in_order(lines: Iterable[Written]) -> list[Written]:
    """In the order of time; what one process wrote stays in its own order, whatever the host's clock did."""
    own: dict[tuple[str, str], list[Written]] = {}
    for line in lines:
        own.setdefault((line.host, line.process), []).append(line)
    return list(heapq.merge(*own.values(), key=lambda line: line.at))


End = tuple[str, DeployError | None]  # a host's stream is over, and why
Arrived = queue.Queue[Written | End]


@contextlib.contextmanager
def _streams(sessions: Sequence[Session], asked: requests.Logs) -> Iterator[Arrived]:
    """What all hosts tell, until the block is left."""
    arrived, over = Arrived(AHEAD), threading.Event()

    def put(item: Written | End) -> None:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                arrived.put(item, timeout=0.5)
                return

    def listen(session: Session) -> None:
        error: DeployError | None = None
        try:
            session.call(asked, requests.Done, heard=_hearing(session, put))
        except DeployError as failed:
            error = failed
        put((session.host.name, error))

    threads = [threading.Thread(target=listen, args=(session,), daemon=True) for session in sessions]
    try:
        for thread in threads:
            thread.start()
        yield arrived
    finally:
        over.set()
        for session in sessions:
            with contextlib.suppress(HostUnreachable):
                session.send(wire.CANCEL)
        deadline = time.monotonic() + LEAVING
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _together(arrived: Arrived, settle: float) -> list[Written | End]:
    """The next that arrives, and what comes within `settle` seconds of it."""
    found = [arrived.get()]
    if settle:
        time.sleep(settle)
    with contextlib.suppress(queue.Empty):
        while len(found) < AHEAD:
            found.append(arrived.get_nowait())
    return found


def _hearing(session: Session, take: Callable[[Written], None]) -> Callable[[bytes, bytes], None]:
    def heard(kind: bytes, payload: bytes) -> None:
        if kind == wire.STDOUT:
            name, at, text = payload.split(b"\0", 2)
            take(Written(session.host.name, name.decode(), float(at or 0), text))

    return heard


def _judged(failures: Lost, told: int) -> Lost:
    """The hosts that were lost.  That a host does not run a process is a failure where none does."""
    lost = {host: error for host, error in failures.items() if not isinstance(error, NotFound)}
    if not told and failures and not lost:
        raise first_of(failures)
    return lost
