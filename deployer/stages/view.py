"""What does the ledger say, and what do the hosts say?  releases, builds, show, ps, status, verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployer.core import history, requests
from deployer.core.errors import NotFound
from deployer.core.ledger import Release, Run
from deployer.core.release import Spec
from deployer.core.requests import Looked, Seen
from deployer.hosts.session import Session
from deployer.stages import drift
from deployer.stages.target import Target


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

    `error` says why nothing is known of a host that cannot be reached; `ending` are the processes that end by
    themselves, each of them one difference.
    """

    host: str
    current: str
    processes: list[Seen]
    drift: list[str]
    holder: str
    manager: str
    error: str = ""
    ending: tuple[str, ...] = ()


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
    return target.ask(lambda session: session.call(requests.Look(), requests.Looked)).all()


def ps(target: Target) -> list[tuple[str, Seen]]:
    """Every process with its host.

    One of the formation that does not run is `down`; on a host that cannot be reached it is `unknown`.
    """
    rows = []
    for host, seen in looked(target).items():
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
    return rows


def status(target: Target) -> list[HostStatus]:
    """What the ledger says, what `current` names, what runs and where requests are sent, host by host."""
    known = []
    for host, (seen, router) in target.ask(drift.looked).all().items():
        told = [*drift.found(target.ledger, host, seen), *drift.of_router(router)]
        ending = tuple(drift.ending(target.ledger, host, seen))
        known.append(HostStatus(host, seen.current, seen.processes, told, seen.holder, seen.manager, ending=ending))
    return known + [HostStatus(h, "", [], [], "", "", error.message) for h, error in target.fleet.missing.items()]


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

    return [verified for host in target.ask(one).all().values() for verified in host]


def events(target: Target, lines: int) -> list[tuple[str, dict[str, Any]]]:
    """The newest `lines` entries of every host's own events, each with its host, oldest first."""
    request = requests.ReadEvents(lines)
    told = target.ask(lambda session: session.call(request, requests.Events)).all()
    return sorted(
        ((host, entry) for host, known in told.items() for entry in known.events), key=lambda e: str(e[1]["at"])
    )


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
