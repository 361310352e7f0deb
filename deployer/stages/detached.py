"""One-off processes that go on by themselves: begun on one host, found by their number on any."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.core import requests
from deployer.core.errors import NotFound
from deployer.core.oneoffs import KIND
from deployer.hosts.fleet import Answers, first_of
from deployer.hosts.session import Session
from deployer.stages.target import Target


def detach(
    target: Target, session: Session, argv: list[str], *, version: int | None, kind: str, by: str
) -> tuple[int, requests.Detached]:
    """Begin a one-off process on one host; its number, which no other of the target ever has."""
    number = reserve(list(dict.fromkeys([target.primary, session])))
    return number, session.call(requests.Detach(number, version, argv, kind, by), requests.Detached)


def reserve(sessions: Sequence[Session]) -> int:
    """A number that none of these hosts has given before: the primary counts, the others are asked to agree."""
    least = 0
    while True:
        found = []
        for session in sessions:
            least = session.call(requests.Reserve(least), requests.Reserved).number
            found.append(least)
        if len(set(found)) == 1:
            return least


def end(target: Target, number: int) -> Answers[requests.OneOffEnded]:
    """End the one-off process with this number where it runs, and tell how it ended."""
    answers = target.ask(lambda session: session.call(requests.EndOneOff(number), requests.OneOffEnded))
    elsewhere = [host for host, error in answers.failures.items() if isinstance(error, NotFound)]
    lost = {host: error for host, error in answers.failures.items() if host not in elsewhere}
    if not answers.replies and not lost and not target.fleet.missing:
        raise first_of(answers.failures) if answers.failures else NotFound(f"there is no process {KIND}.{number}")
    return Answers(answers.replies, {**target.fleet.missing, **lost} if not answers.replies else lost)
