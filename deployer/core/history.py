"""Release history: which releases served, which of them a bare rollback may choose, and which a prune keeps.

A release has *served* when a run of it succeeded.  It is *fit* for a bare rollback when it has served and nothing
speaks against it: its newest run did not fail, nobody went back from it, no host saw it crash again and again.
No I/O: what the hosts saw comes in as `crashed`, the reason for each release.
"""

from __future__ import annotations

from typing import Container, Iterable, Mapping, Optional

from deployer.core.errors import HostFailed, HostUnreachable, NotFound, ReleaseRefused
from deployer.core.ledger import BROUGHT_UP, MOVE, SUCCEEDED, Ledger, Release, Run
from deployer.core.message import message

APART = 3  # releases that failed, never ran or were rolled back from: so many of the newest stay, to be looked at
LOST = (HostUnreachable.kind, HostFailed.kind)  # the `failure` of a run that says nothing of its release
NOTHING: Mapping[int, str] = {}

NEVER_RAN, FAILED_ONCE = "it never ran", "it failed"
FAILS_NOW = "its newest run failed"
LEFT, PASSED = "it was rolled back from", "a rollback went past it"
PRUNED = "it was pruned"


@message
class Reason:
    """Why a bare rollback skips a release, or a prune removes it."""

    version: int
    why: str


@message
class Choice:
    """The release that a rollback runs; `skipped` are the newer ones that it passed over, newest first."""

    release: Release
    skipped: tuple[Reason, ...] = ()


def rollback_target(
    ledger: Ledger,
    to: Optional[int],
    present: Optional[Container[int]] = None,
    crashed: Mapping[int, str] = NOTHING,
    *,
    code_only: bool = False,
) -> Choice:
    """The release that a rollback runs: `to`, whatever became of it; else the newest fit one below the current one.

    `present` are the releases that the hosts still have; what was pruned cannot be gone back to.  With `code_only`
    the current config stays, so another config alone is no way back.
    """
    if to is not None:
        return Choice(_present(ledger.release(to), present))
    current = ledger.current
    if current is None:
        raise NotFound("nothing runs here yet, so there is nothing to go back from", hint="`deploy run` runs a release")
    against = unfit(ledger, crashed)
    skipped: list[Reason] = []
    for version in sorted((v for v in ledger.releases if v < current), reverse=True):
        why = against.get(version, "")
        here = present is None or version in present
        if not why and code_only and ledger.releases[current].build == ledger.releases[version].build:
            why = f"the same build as v{current}"
        if not why and same(ledger.releases[current], ledger.releases[version]):
            why = f"the same build and config as v{current}"
        if not why and here:
            return Choice(ledger.releases[version], tuple(skipped))
        if here or not why:
            skipped.append(Reason(version, why or PRUNED))
    raise _nothing_left(current, skipped)


def _present(release: Release, present: Optional[Container[int]]) -> Release:
    if present is not None and release.version not in present:
        raise NotFound(
            f"v{release.version} was pruned: its directory is gone from the hosts",
            hint="`deploy releases` says which are kept; `keep` in deploy.yaml says how many",
        )
    return release


def _nothing_left(current: int, skipped: list[Reason]) -> NotFound:
    if not skipped:
        return NotFound(f"there is no release before v{current} to go back to", hint="`deploy releases` lists them")
    named = [f"`deploy rollback v{one.version}`" for one in skipped if one.why != PRUNED]
    hint = f"name one to run it all the same: {', '.join(named[:3])}" if named else "`deploy releases` lists them"
    details = {"skipped": [{"release": f"v{one.version}", "why": one.why} for one in skipped]}
    return NotFound(f"no release before v{current} is fit to go back to: {told(skipped)}", hint=hint, details=details)


def told(reasons: Iterable[Reason]) -> str:
    """`v4, v3 (it failed); v2 (it was rolled back from)`: releases, and why."""
    groups: dict[str, list[str]] = {}
    for one in reasons:
        groups.setdefault(one.why, []).append(f"v{one.version}")
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in groups.items())


def expect(ledger: Ledger, version: Optional[int]) -> None:
    """`ReleaseRefused` unless the newest release is `version` (what the caller last saw)."""
    if version is not None and ledger.newest != version:
        newest = f"v{ledger.newest}" if ledger.newest else "none"
        raise ReleaseRefused(
            f"the newest release is {newest}, not v{version} as expected",
            hint="look at `deploy releases`, then decide again",
        )


def expect_current(ledger: Ledger, version: Optional[int]) -> None:
    """`ReleaseRefused` unless `version` is current: a rollback that is typed twice goes back once."""
    if version is not None and ledger.current != version:
        current = f"v{ledger.current} is" if ledger.current else "nothing is"
        raise ReleaseRefused(
            f"{current} current, not v{version} as expected",
            hint="look at `deploy releases`, then decide again",
        )


def same(one: Release, other: Release) -> bool:
    """Whether two releases are the same build, config and settings; records of before know no settings."""
    known = bool(one.settings and other.settings)
    return (one.build, one.config) == (other.build, other.config) and not (known and one.settings != other.settings)


def unfit(ledger: Ledger, crashed: Mapping[int, str] = NOTHING) -> dict[int, str]:
    """Why a bare rollback chooses none of these: every release that is missing here is fit for it."""
    newest: dict[int, Run] = {}
    served: set[int] = set()
    for run in ledger.runs:
        if run.outcome == SUCCEEDED:
            served.add(run.release)
        if run.cause in BROUGHT_UP and run.failure not in LOST:
            newest[run.release] = run
    left = _left(ledger)
    against = {}
    for version in ledger.releases:
        if version not in served:
            against[version] = FAILED_ONCE if version in newest else NEVER_RAN
        elif version in newest and newest[version].outcome != SUCCEEDED:
            against[version] = FAILS_NOW
        elif version in left:
            against[version] = left[version]
        elif version in crashed:
            against[version] = crashed[version]
    return against


def _left(ledger: Ledger) -> dict[int, str]:
    """The releases that somebody went back from, or past, and has not run since.

    Going back is a run of an earlier release, by whatever command, and a rollback that made a new release of an
    earlier build.  To run again what was left undoes that, also for all that was gone past.
    """
    left: dict[int, str] = {}
    serving: dict[str, int] = {}  # by host; '' is the target as such
    served: set[int] = set()
    for run in ledger.runs:
        if run.outcome != SUCCEEDED or run.cause == MOVE:
            continue
        places = [*run.hosts, *([""] if run.whole else [])]
        if run.cause in BROUGHT_UP:
            renewed = ledger.releases[run.release].cause == "rollback" and run.release not in served
            for before in {serving[place] for place in places if place in serving}:
                if run.release < before:
                    left.update({v: PASSED for v in served if run.release < v < before and v not in left})
                if run.release < before or (renewed and run.release != before):
                    left[before] = LEFT
        if left.pop(run.release, ""):
            left = {v: why for v, why in left.items() if not (why == PASSED and v < run.release)}
        serving.update(dict.fromkeys(places, run.release))
        served.add(run.release)
    return left


def kept(ledger: Ledger, keep: int, running: Iterable[int], crashed: Mapping[int, str] = NOTHING) -> set[int]:
    """The releases that a prune leaves.

    The newest `keep` that are fit for a rollback, and of the newest `keep` builds that served the newest such release
    each, so that no number of config changes pushes the code out that served before.  Of all others the newest
    `APART`.  And what something depends on: the current release and that of each host, the one that a bare rollback
    would choose, the one that the next config goes on from, and every one that a process still runs from.
    """
    against = unfit(ledger, crashed)
    newest = sorted(ledger.releases, reverse=True)
    good = [version for version in newest if version not in against]
    stay = set(good[:keep])
    builds: dict[str, int] = {}
    for version in good:
        builds.setdefault(ledger.releases[version].build, version)
    stay.update(list(builds.values())[:keep])
    stay.update([version for version in newest if version in against][: APART if keep else 0])
    stay.update(running)
    stay.update(v for v in (ledger.current, ledger.config_base) if v is not None)
    stay.update(run.release for run in map(ledger.run_of, ledger.hosts) if run)
    stay.update(_next_choice(ledger, crashed))
    return stay & set(ledger.releases)


def _next_choice(ledger: Ledger, crashed: Mapping[int, str]) -> list[int]:
    try:
        return [rollback_target(ledger, None, crashed=crashed).release.version]
    except NotFound:  # nothing to roll back to: nothing to keep for it
        return []


def why_pruned(
    ledger: Ledger, versions: Iterable[int], keep: int, crashed: Mapping[int, str] = NOTHING
) -> dict[int, str]:
    """Why a prune to `keep` removes each of these releases, in words."""
    against = unfit(ledger, crashed)
    apart = f"; of such only the newest {APART} are kept" if keep else ""
    good = f"it served; `keep` is {keep}, and enough newer ones that served are kept"
    return {version: against[version] + apart if version in against else good for version in versions}
