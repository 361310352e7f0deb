"""The target's config: what is stored for it, and the new release that every change makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.core import history, requests
from deployer.core.errors import NotFound, SettingsError
from deployer.core.names import RESERVED, VARIABLE
from deployer.core.secret import Secret
from deployer.stages import release as release_
from deployer.stages import run as run_
from deployer.stages.release import Released, Variables
from deployer.stages.run import Ran
from deployer.stages.target import Target

CAUSE = "config"


@dataclass(frozen=True)
class Changed:
    """What a change of the config did: `released` is None where nothing changed or no release exists yet.

    `holding` is the release whose stored values are as they were asked for: the new one, or one that was there
    already.  It is what `--run` runs: that a value is recorded does not mean that a process has it.
    """

    names: list[str]
    released: Released | None
    drafted: bool = False
    holding: int | None = None


def variables(target: Target) -> Variables:
    """The config that the next release would go on from: all its variables, and which of them are stored."""
    return release_.before(target)


def get(target: Target, name: str) -> Secret:
    """One value; `NotFound` lists the names there are."""
    known = variables(target).values
    if name not in known:
        raise NotFound(f"the config has no {name}", hint=f"it has: {', '.join(sorted(known)) or 'nothing'}")
    return known[name]


def stored(target: Target) -> dict[str, Secret]:
    """The stored values, as `config edit` shows them."""
    return release_.stored(target)


def change(
    target: Target, *, store: Mapping[str, Secret] | None = None, unset: Sequence[str] = (), expect: int | None = None
) -> Changed:
    """Store values and take stored ones away: a new release of the newest build, or a draft before the first one."""
    before, gone = release_.stored(target), _taken_away(target)
    for name in unset:
        if name not in before and name not in gone:
            raise NotFound(f"{name} is not stored", hint=f"stored are: {', '.join(sorted(before)) or 'no values'}")
    for name in store or {}:
        check_name(name)
    after = {**{name: value for name, value in before.items() if name not in unset}, **(store or {})}
    return replace(target, after, expect=expect, before=before)


def replace(
    target: Target,
    after: Mapping[str, Secret],
    *,
    expect: int | None = None,
    before: Mapping[str, Secret] | None = None,
) -> Changed:
    """Make the stored values exactly `after`."""
    before = release_.stored(target) if before is None else before
    names = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    base = target.ledger.config_base
    if not names:
        _expect_unchanged(target, expect)
        return Changed([], None, holding=base)
    if base is None:
        target.primary.call(requests.SetDraft(dict(after)), requests.Done)
        return Changed(names, None, drafted=True)
    of = target.ledger.release(base)
    config = release_.merged(target, after)
    made = release_.release(target, of.build, of.commit, cause=CAUSE, variables=config, expect=expect)
    return Changed(names, made, holding=made.release)


def run(target: Target, changed: Changed) -> Ran | None:
    """Run the release that has the values, unless all hosts run it already; None where there is no release yet."""
    return None if changed.holding is None else run_.run(target, changed.holding, cause=CAUSE)


def _taken_away(target: Target) -> set[str]:
    """The names that the last change of the config took away: to take them away again is no mistake."""
    base = target.ledger.config_base
    made = target.ledger.releases[base] if base is not None else None
    return {*made.config_removed, *made.config_changed} if made and made.cause == CAUSE else set()


def _expect_unchanged(target: Target, expect: int | None) -> None:
    """`ReleaseRefused` where others made releases since `expect`; the one that this very change made is no other."""
    newest = target.ledger.newest
    if newest is not None and newest - 1 == expect and target.ledger.releases[newest].cause == CAUSE:
        return
    history.expect(target.ledger, expect)


def check_name(name: str) -> None:
    """`SettingsError` for a name that no variable can have."""
    if not VARIABLE.match(name):
        raise SettingsError(
            f"{name!r} cannot be the name of a variable", hint="letters, digits and _, not first a digit"
        )
    if name in RESERVED:
        raise SettingsError(f"{name} is set by deployer itself", hint="choose another name")
