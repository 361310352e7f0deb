"""Ship: a build becomes a release and is run, in one go.  What runs already is no new release, and is not restarted."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.core.errors import NotFound
from deployer.core.manifest import Launch
from deployer.core.wire import decode
from deployer.stages import delivery
from deployer.stages import release as release_
from deployer.stages.release import Variables
from deployer.stages.run import Ran, run
from deployer.stages.target import Target


@dataclass(frozen=True)
class Shipped:
    """How the run ended; `new` is false where the release that was current is what was to be shipped."""

    ran: Ran
    new: bool


def ship(target: Target, build: str, commit: str, *, force: bool = False) -> Shipped:
    """Release and run `build`; where it is what the target serves already, bring up that one as it should be.

    So it starts what was stopped, and brings hosts along that missed it, and changes nothing where all of it runs.
    """
    config = release_.merged(target, release_.stored(target))
    version = None if force else serving(target, build, commit, config)
    if version is not None:
        return Shipped(run(target, version, cause="ship"), new=False)
    made = release_.release(target, build, commit, cause="ship", variables=config)
    return Shipped(run(target, made.release, cause="ship"), new=True)


def serving(target: Target, build: str, commit: str, wanted: Variables) -> int | None:
    """The release that the hosts serve, if the next one would be the same: commit, build, config and settings.

    None where a newer release waits to be run: whoever made it expects the next ship to go past it.
    """
    version = _current(target)
    if version is None:
        return None
    of = target.ledger.releases[version]
    waiting = [v for v in target.ledger.releases if v > version and not target.ledger.outcome(v)]
    if (of.build, of.commit) != (build, commit) or waiting:
        return None
    try:
        there, config = target.spec(version), release_.config_of(target, version)
    except NotFound:  # its directory is gone from every host
        return None
    if (dict(wanted.values), wanted.stored) != (dict(config.values), config.stored):
        return None
    launch = decode(Launch, delivery.manifest(target, build).launch)
    would_be = release_.spec(target, launch, wanted, build, commit)
    return version if (would_be.settings, launch) == (there.settings, there.launch) else None


def _current(target: Target) -> int | None:
    """The release that the hosts of this command are to serve, if it is one and the same."""
    if target.whole:
        return target.ledger.current
    runs = [target.ledger.run_of(session.host.name) for session in target.chosen]
    versions = {run.release if run else None for run in runs}
    return versions.pop() if len(versions) == 1 else None
