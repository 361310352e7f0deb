"""What does the ledger say, and what do the hosts say?  releases, builds, show, ps, status, verify."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from deployer.core import chronology, history, requests
from deployer.core.errors import DeployError, HostUnreachable, NotFound
from deployer.core.ledger import Release, Run
from deployer.core.release import Spec
from deployer.core.requests import Looked, Seen
from deployer.hosts.session import Session
from deployer.stages import drift
from deployer.stages.target import Target

T = TypeVar("T")


@dataclass(frozen=True)
class ReleaseLine:
    """One release as `deploy releases` shows it.

    `unfit` is why a bare rollback would not choose it, `crashed` what a host saw of it; '' where there is nothing.
    """

    release: Release
    outcome: str
    current: bool
    present: bool
    subject: str = ""
    unfit: str = ""
    crashed: str = ""


@dataclass(frozen=True)
class Shown:
    """One release as `deploy show` shows it; `spec` is None where its directory was pruned."""

    line: ReleaseLine
    runs: list[Run]
    spec: Spec | None


@dataclass(frozen=True)
class HostStatus:
    """How one host is: what `current` names, what runs, what differs, in the router too.

    `error` says why nothing is known of a host that cannot be reached or cannot say, `fault` the same in a few words;
    `ending` are the processes that end by themselves, `risks` say why the next crash would not be survived; each of
    these two is one difference.  Where somebody is `changing` what runs, nothing differs: it is on its way.
    """

    host: str
    current: str
    processes: list[Seen]
    drift: list[str]
    holder: str
    manager: str
    error: str = ""
    ending: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    changing: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Verified:
    """One release by its digests."""

    release: int
    host: str
    problems: list[str]


def releases(target: Target, newest: int | None = None) -> list[ReleaseLine]:
    """The `newest` releases (None: all), newest first."""
    return _lines(target, list(reversed(target.ledger.releases.values()))[:newest])


def show(target: Target, release: Release) -> Shown:
    """All that is known of one release."""
    line = _lines(target, [release])[0]
    runs = [run for run in target.ledger.runs if run.release == release.version]
    try:
        spec = target.spec(release.version)
    except NotFound:
        spec = None
    return Shown(line, runs, spec)


def looked(target: Target) -> dict[str, Looked]:
    """What every host says of itself."""
    return _told(target, lambda session: session.call(requests.Look(), requests.Looked))


def _told(target: Target, question: Callable[[Session], T]) -> dict[str, T]:
    """The hosts' answers; one that does not answer is missing from here on, and the others' answers are kept."""
    answers = target.ask(question)
    target.fleet.set_aside(answers.failures)
    return answers.replies


def ps(target: Target) -> list[tuple[str, Seen]]:
    """Every process with its host, as `listed` has them."""
    return listed(target)[0]


def listed(target: Target) -> tuple[list[tuple[str, Seen]], dict[str, str]]:
    """Every process with its host, and who is just changing what runs on which host.

    One of the formation that does not run is `down`; on a host that cannot be reached it is `unknown`.
    """
    rows, changing = _listed(target)
    if any(seen.state == "down" for _, seen in rows) and _grown(target):
        return _listed(target)
    return rows, changing


def _listed(target: Target) -> tuple[list[tuple[str, Seen]], dict[str, str]]:
    rows, changing = [], {}
    for host, seen in looked(target).items():
        if seen.changing:
            changing[host] = seen.changing
        run = target.ledger.run_of(host)
        rows += [(host, process) for process in (*seen.processes, *seen.oneoffs)]
        known = {(process.process, process.release) for process in seen.processes}
        if run:
            missing = [name for name in run.processes(host) if (name, run.release) not in known]
            rows += [(host, Seen(name, run.release, "down", 0, 0, 0, 0, "")) for name in missing]
    for host in target.fleet.missing:
        run = target.ledger.run_of(host)
        if run:
            rows += [(host, Seen(name, run.release, "unknown", 0, 0, 0, 0, "")) for name in run.processes(host)]
    return rows, changing


def status(target: Target) -> list[HostStatus]:
    """What the ledger says, what `current` names, what runs and where requests are sent, host by host."""
    known = _status(target)
    if any(host.drift for host in known) and _grown(target):  # a run was confirmed between the two looks
        return _status(target)
    return known


def _grown(target: Target) -> bool:
    """Whether the ledger has new records; not where the host that has it has failed meanwhile."""
    return target.primary.host.name not in target.fleet.missing and target.book.grown()


def _status(target: Target) -> list[HostStatus]:
    known = []
    for host, (seen, router) in _told(target, drift.looked).items():
        risks, ending = tuple(drift.risks(seen)), tuple(drift.ending(target.ledger, host, seen))
        told = [*drift.found(target.ledger, host, seen), *drift.of_router(router), *risks]
        one = HostStatus(host, seen.current, seen.processes, told, seen.holder, seen.manager, changing=seen.changing)
        known.append(replace(one, drift=[]) if seen.changing else replace(one, ending=ending, risks=risks))
    return known + [_missing(host, error) for host, error in target.fleet.missing.items()]


def _missing(host: str, error: DeployError) -> HostStatus:
    gone = type(error) is HostUnreachable
    fault = "cannot be reached" if gone else error.message.removeprefix(f"{host}: ")
    return HostStatus(host, "", [], [], "", "", error.message, fault=fault)


def verify(target: Target, only: Release | None = None) -> list[Verified]:
    """Every release that is kept (or `only` that one), by its digests, on every host."""

    def one(session: Session) -> list[Verified]:
        present = session.found.releases
        chosen = [r for r in target.ledger.releases.values() if (r == only if only else r.version in present)]
        results = []
        for release in chosen:
            request = requests.Verify(release.version, release.build, release.config, release.spec)
            told = session.call(request, requests.Problems)
            results.append(Verified(release.version, session.host.name, told.problems))
        return results

    return [verified for host in _told(target, one).values() for verified in host]


def events(target: Target, lines: int) -> list[tuple[str, dict[str, Any]]]:
    """The newest `lines` entries of every host's own events, each with its host, oldest first."""
    request = requests.ReadEvents(lines)
    told = _told(target, lambda session: session.call(request, requests.Events))
    logs = [[(host, entry) for entry in known.events] for host, known in told.items()]
    return chronology.merged(logs, lambda entry: str(entry[1].get("at", "")))


def _lines(target: Target, releases: Sequence[Release]) -> list[ReleaseLine]:
    ledger, present, crashed = target.ledger, target.present, target.crashed
    against = history.unfit(ledger, crashed)
    unnamed = [release.commit for release in releases if not release.subject]
    subjects = target.project.subjects(list(dict.fromkeys(unnamed)))
    return [
        ReleaseLine(
            release,
            ledger.outcome(release.version),
            current=release.version == ledger.current,
            present=release.version in present,
            subject=release.subject or subjects.get(release.commit, ""),
            unfit=against.get(release.version, ""),
            crashed=crashed.get(release.version, ""),
        )
        for release in releases
    ]
