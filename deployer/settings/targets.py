"""Which target does a command work on, and which of its hosts?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatchcase

from deployer.core.errors import UsageError
from deployer.settings import ranges
from deployer.settings.mistakes import did_you_mean
from deployer.settings.model import LOCAL, Settings, TargetSettings

MOST_SHOWN = 20  # hosts in a message
_OTHER = "say `-t` and the target that has them, or leave --hosts and --limit out"


@dataclasses.dataclass(frozen=True)
class Narrow:
    """What the caller said of the hosts: only these (names, ranges, `web*`), the first `limit`, without dead ones."""

    hosts: tuple[str, ...] = ()
    limit: int | None = None
    allow_missing: bool = False


def target(settings: Settings, name: str | None) -> TargetSettings:
    """The target called `name`; without a name the only one that deploy.yaml declares, or `local` if it has none."""
    if name:
        if name not in settings.targets:
            meant = did_you_mean(name, settings.targets)
            raise UsageError(f"there is no target {name!r}{meant}", hint=f"{settings.path.name} has: {_list(settings)}")
        return settings.targets[name]
    if len(settings.declared) > 1:
        raise UsageError(
            f"{settings.path.name} has {len(settings.declared)} targets: {', '.join(settings.declared)}",
            hint=f"say which: `-t {settings.declared[0]}`, or set DEPLOY_TARGET",
        )
    return settings.targets[settings.declared[0] if settings.declared else LOCAL]


def narrowed(target: TargetSettings, hosts: Sequence[str] | None, limit: int | None) -> TargetSettings:
    """`target` with the hosts `chosen` that `hosts` names, or the first `limit` of them; all stay in `hosts`."""
    if not hosts and limit is None:
        return target
    if target.is_local:
        raise UsageError("the target `local` is this machine: it has no hosts to choose from", hint=_OTHER)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: at least one host is needed", hint="leave it out for all hosts")
    known = [host.host for host in target.hosts]
    wanted = {name for text in hosts or known for name in _meant(text, known, target.name)}
    return dataclasses.replace(target, chosen=tuple(name for name in known if name in wanted)[:limit])


def _meant(text: str, known: Sequence[str], target: str) -> list[str]:
    """The hosts that one word of --hosts names."""
    try:
        named = [text] if "*" in text or "?" in text else ranges.expanded(text)
    except ranges.BadRange as error:
        raise UsageError(f"--hosts {text}: {error}", hint=ranges.HINT) from error
    found = []
    for pattern in named:
        matched = [name for name in known if fnmatchcase(name, pattern)]
        if not matched:
            meant = did_you_mean(pattern, known)
            raise UsageError(f"the target {target!r} has no host {pattern!r}{meant}", hint=f"it has: {_few(known)}")
        found += matched
    return found


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_SHOWN
    return ", ".join(names[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _list(settings: Settings) -> str:
    return ", ".join(settings.targets)
