"""Which interpreter of this machine makes builds that all hosts can run?  Chosen before anything is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployer.builds.packs import Offer
from deployer.builds.supply import Carried, Unavailable
from deployer.core.errors import ReleaseRefused
from deployer.core.interpreter import SHORT, Interpreter, as_runtime, misfit, near, short_version, version_key
from deployer.core.recipe import Recipe

Allows = Callable[[str], bool]


def matched(
    candidates: Sequence[Interpreter], offers: Sequence[Offer], *, how: str, allows: Allows = lambda _: True
) -> Interpreter | None:
    """The best of `candidates` that every host has a counterpart of; None if there is none.

    `how` is the recipe's `match`; `allows` says which versions of a host the app runs with.  Of one minor version the
    very version that the hosts have is better than a newer one: nothing can tell the two apart.
    """
    fitting = [one for one in candidates if all(_counterpart(one, offer, how, allows) for offer in offers)]
    return max(fitting, key=lambda one: _rank(one, offers, candidates), default=None)


@dataclass(frozen=True)
class Choice:
    """The interpreter that builds; `carried` where the build brings it along; `told` is why it does not, if wished."""

    interpreter: Interpreter
    carried: Carried | None = None
    told: str = ""


def choose(
    candidates: Sequence[Interpreter],
    offers: Sequence[Offer],
    recipe: Recipe,
    *,
    allows: Allows,
    carry: Callable[[], Carried],
    refuse: Callable[[str], ReleaseRefused],
) -> Choice:
    """What builds for hosts that have these `offers`: the very version that they have, or one that the build carries.

    Where none can be had, one that they have a counterpart of.  `carry` gets a runtime; `refuse` makes the refusal.
    """
    told = ""
    if candidates and recipe.runtime != "vendored" and _everywhere(candidates[0], offers):
        return Choice(candidates[0])
    if recipe.runtime != "host":
        try:
            carried = carry()
            told = carried.misfit(offers)
            if not told:
                return Choice(carried.interpreter, carried)
        except Unavailable as error:
            told = f"{error}"
    found = matched(candidates, offers, how=recipe.match, allows=allows) if recipe.runtime != "vendored" else None
    if found is None:
        raise refuse(told)
    return Choice(found, told=told)


def outlook(
    kind: str, candidates: Sequence[Interpreter], offers: Sequence[Offer], recipe: Recipe, allows: Allows
) -> tuple[bool, str]:
    """Which interpreter will run the app on these hosts, in a sentence; False where it may be none.

    Without `offers` nobody has asked a host yet.
    """
    language, best = SHORT[kind], candidates[0].version if candidates else ""
    if not offers and not best:
        return False, f"no {language} of this machine is one that the app allows: install one, then build"
    if not offers:
        theirs = f"their own {language} {short_version(best, kind)}"
        return True, f"{language} {best} builds it; hosts get it with the build, or use {theirs}"
    if candidates and recipe.runtime != "vendored" and _everywhere(candidates[0], offers):
        return True, f"{language} {best}, the hosts' own"
    found = matched(candidates, offers, how=recipe.match, allows=allows) if recipe.runtime != "vendored" else None
    theirs = f"{language} {found.version}, of which the hosts have a counterpart" if found else ""
    if recipe.runtime == "host":
        return bool(theirs), theirs or f"no {language} fits both this machine and the hosts"
    other = f"; where it cannot be had, {theirs}" if theirs else "; where it cannot be had, the build is refused"
    return True, f"{language} {best}".rstrip() + f" comes along with the build{other}"


def _everywhere(one: Interpreter, offers: Sequence[Offer]) -> bool:
    runtime = as_runtime(one, link="", match="exact")
    return all(any(not misfit(theirs, runtime) for theirs in offer.interpreters) for offer in offers)


def _counterpart(one: Interpreter, offer: Offer, how: str, allows: Allows) -> Interpreter | None:
    runtime = as_runtime(one, link="", match=how)
    having = (theirs for theirs in offer.interpreters if theirs.kind == one.kind and allows(theirs.version))
    return next((theirs for theirs in having if not misfit(theirs, runtime)), None)


def _rank(one: Interpreter, offers: Sequence[Offer], candidates: Sequence[Interpreter]) -> tuple[object, ...]:
    everywhere = all(any(theirs.version == one.version for theirs in offer.interpreters) for offer in offers)
    final = version_key(one.version)[1]
    return final, near(one.version, one.kind), everywhere, -list(candidates).index(one)


def refusal(
    kind: str,
    here: Sequence[Interpreter],
    offers: Sequence[Offer],
    *,
    wanted: str,
    wanted_by: str,
    how: str,
    told: str = "",
) -> ReleaseRefused:
    """What is in the way, before anything is built, and the line to write.

    `wanted` is what the app asks for ('' for nothing), `wanted_by` the file that says so, `told` why the build cannot
    bring one along.
    """
    language = SHORT[kind]
    asked = f"{wanted_by} asks for {language} {wanted}; " if wanted else ""
    versions = ", ".join(dict.fromkeys(one.version for one in here)) or "none"
    hosts = ", ".join(f"{offer.host} has {_said(kind, offer)}" for offer in offers)
    why = f"; and the build cannot bring one along: {told}" if told else ""
    hint = _line_to_write(kind, here, offers, wanted_by=wanted_by if wanted else "", how=how)
    return ReleaseRefused(
        f"no {language} fits both this machine and the hosts: {asked}this machine has {versions}; {hosts}{why}",
        hint=hint,
        details={"here": versions.split(", "), "hosts": {offer.host: _versions(kind, offer) for offer in offers}},
    )


def _line_to_write(kind: str, here: Sequence[Interpreter], offers: Sequence[Offer], *, wanted_by: str, how: str) -> str:
    language = SHORT[kind]
    common = _common(kind, offers)
    both = [short for short in common if short in {short_version(one.version, kind) for one in here}]
    if both and how == "exact":
        return f"`build: {{match: auto}}` in deploy.yaml is content with the same {language} {both[0]}"
    if both and wanted_by:
        where = "`engines.node`" if kind == "node" else wanted_by
        line = f' or write `build: {{python: {{version: "{both[0]}"}}}}` in deploy.yaml' if kind == "python" else ""
        return f"both have {language} {both[0]}: let {where} allow it,{line or ' and commit that'}"
    if both:
        return f"`build: {{runtime: auto}}` in deploy.yaml is content with the hosts' own {language} {both[0]}"
    if common and kind == "python" and near(common[0], kind) >= (3, 9):
        install = f"`uv python install {common[0]}` on this machine"
        return f"{install}, then build again: the hosts have {language} {common[0]}"
    wish = short_version(here[0].version, kind) if here else ""
    lacking = ", ".join(offer.host for offer in offers if not _versions(kind, offer)) or "each host"
    return f"install {language} {wish}".rstrip() + f" on {lacking}"


def _common(kind: str, offers: Sequence[Offer]) -> list[str]:
    """The minor versions (of node: the major ones) that every host has, the newest first."""
    shared = set.intersection(*({short_version(v, kind) for v in _versions(kind, offer)} for offer in offers))
    return sorted(shared, key=version_key, reverse=True)


def _versions(kind: str, offer: Offer) -> list[str]:
    return list(dict.fromkeys(one.version for one in offer.interpreters if one.kind == kind))


def _said(kind: str, offer: Offer) -> str:
    lacking = [f" ({one.version} cannot import {', '.join(one.lacks)})" for one in offer.interpreters if one.lacks]
    return (", ".join(_versions(kind, offer)) or "none") + "".join(lacking)
