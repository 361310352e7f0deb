"""A rollback is a run of an earlier release: its code and its config.  It needs the hosts and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.core import history, requests
from deployer.core.history import Choice
from deployer.core.ledger import Release
from deployer.core.manifest import Manifest
from deployer.core.manifest import parse as parse_manifest
from deployer.core.release import Spec
from deployer.stages import intents
from deployer.stages import release as release_
from deployer.stages.run import Ran, run
from deployer.stages.target import Target

CAUSE = "rollback"


@dataclass(frozen=True)
class Difference:
    """What differs from one release to another: paths, names of variables, process types; never a value."""

    older: int
    newer: int
    commits: tuple[str, str]
    builds: tuple[str, str]
    added: list[str]
    removed: list[str]
    changed: list[str]
    config_added: list[str]
    config_removed: list[str]
    config_changed: list[str]
    processes: list[str]


def choose(target: Target, to: int | None, *, code_only: bool = False) -> Choice:
    """The release that a rollback to `to` (None: a bare rollback) would run, and those that it would skip."""
    return history.rollback_target(target.ledger, to, target.present, target.crashed, code_only=code_only)


def begin(target: Target, *, code_only: bool, expected: int | None) -> int | None:
    """Note a bare rollback before anything is done; where it was cut off after its run, the release that it left.

    `ReleaseRefused` where another release than the `expected` one is current, or was when it was asked first.
    """
    asked = intents.begin(target, "rollback --config-from current" if code_only else "rollback", cause=CAUSE)
    if asked.reached and expected in (None, asked.release):
        return asked.release
    history.expect_current(target.ledger, expected)
    return None


def finish(target: Target) -> Ran:
    """Bring up everywhere what a bare rollback has reached that was cut off."""
    return run(target, target.ledger.current, cause=CAUSE, tidy=False)


def rollback(target: Target, chosen: Release, *, config_from_current: bool = False) -> Ran:
    """Run an earlier release again; with `config_from_current` a new release of its build with today's config."""
    version, current = chosen.version, target.ledger.current
    if config_from_current and current is not None:
        config = release_.config_of(target, current)
        made = release_.release(target, chosen.build, chosen.commit, cause=CAUSE, variables=config)
        version = made.release
    return run(target, version, cause=CAUSE, tidy=False)


def difference(target: Target, older: int, newer: int) -> Difference:
    """What would change, or has changed, between two releases that are still here."""
    before, after = target.ledger.release(older), target.ledger.release(newer)
    old, new = target.spec(older), target.spec(newer)
    old_files, new_files = _files(target, before), _files(target, after)
    old_config, new_config = release_.config_of(target, older).values, release_.config_of(target, newer).values
    return Difference(
        older=older,
        newer=newer,
        commits=(before.commit, after.commit),
        builds=(before.build, after.build),
        added=sorted(new_files.keys() - old_files.keys()),
        removed=sorted(old_files.keys() - new_files.keys()),
        changed=sorted(path for path in old_files.keys() & new_files.keys() if old_files[path] != new_files[path]),
        config_added=sorted(new_config.keys() - old_config.keys()),
        config_removed=sorted(old_config.keys() - new_config.keys()),
        config_changed=sorted(n for n in old_config.keys() & new_config.keys() if old_config[n] != new_config[n]),
        processes=_processes(old, new),
    )


def _files(target: Target, release: Release) -> dict[str, object]:
    source = target.holding(release.version)
    manifest: Manifest = parse_manifest(source.receive(requests.ReadManifest(release.build)))
    return {entry.path: entry for entry in manifest.entries}


def _processes(old: Spec, new: Spec) -> list[str]:
    told = [f"{name} is new" for name in new.types if name not in old.types]
    told += [f"{name} is gone" for name in old.types if name not in new.types]
    both = [name for name in new.types if name in old.types]
    told += [f"{name}: its command changed" for name in both if old.types[name].command != new.types[name].command]
    same = [name for name in both if old.types[name].command == new.types[name].command]
    return told + [f"{name}: its settings changed" for name in same if old.types[name] != new.types[name]]
