"""What do the hosts of a target have to run a build with?  Asked before one is made, and again before one is sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from deployer import settings as settings_
from deployer.builds.packs import Hosts, Matching, Offer, no_hosts
from deployer.core import requests
from deployer.core.interpreter import LANGUAGES, foreign, satisfies
from deployer.core.manifest import Launch
from deployer.hosts.fleet import first_of
from deployer.hosts.session import Session
from deployer.settings import Narrow
from deployer.stages.events import DONE, STEP, Event, Report
from deployer.stages.target import EVERYWHERE, reached

if TYPE_CHECKING:
    from deployer.stages.project import Project
    from deployer.stages.target import Target

KINDS = sorted(LANGUAGES)
ASKING = "asking the hosts what they run"


def hosts_of(project: Project, name: str | None, *, narrow: Narrow = EVERYWHERE, report: Report) -> Hosts:
    """How a build for the target `name` learns what its hosts have: by a login of its own, when a pack asks.

    The target `local` is this machine, which has what it builds with.
    """
    target = settings_.narrowed(settings_.target(project.settings, name), narrow.hosts, narrow.limit)
    if target.is_local:
        return no_hosts

    @cache
    def asked() -> Sequence[Offer]:
        report(Event(STEP, ASKING))
        with reached(project, target) as fleet:
            if not fleet.sessions:
                raise first_of(fleet.missing)
            found = [offer(session) for session in fleet.sessions]
        report(Event(DONE, ASKING))
        return found

    return asked


def hosts_at(target: Target) -> Hosts:
    """How a build learns what the hosts of an open target have: in the sessions that there are, when a pack asks."""
    if target.settings.is_local:
        return no_hosts

    @cache
    def asked() -> Sequence[Offer]:
        target.report(Event(STEP, ASKING))
        found = [offer(session) for session in target.fleet.sessions]
        target.report(Event(DONE, ASKING))
        return found

    return asked


def outlook(project: Project, offers: Sequence[Offer]) -> tuple[bool, str] | None:
    """Which interpreter will run HEAD on hosts with these `offers`; None where its pack needs none."""
    import tempfile  # noqa: PLC0415 - what builds is needed here alone, and this module is on the way of every release
    from pathlib import Path  # noqa: PLC0415

    from deployer.builds.checkout import nodes, outline, paths  # noqa: PLC0415
    from deployer.builds.making import app_root  # noqa: PLC0415
    from deployer.builds.packs.choose import choose  # noqa: PLC0415

    commit = project.source.commit("HEAD")
    text = project.source.file(commit, settings_.NAME)
    said = settings_.parse_build(text.decode(errors="replace"), where=settings_.NAME) if text else project.settings
    tree = nodes(project.source, commit)
    pack = choose(said.build.pack, paths(tree), said.build.root)
    if not isinstance(pack, Matching) or not offers:
        return None
    pack.hosts = lambda: offers
    with tempfile.TemporaryDirectory() as folder:
        root = app_root(said.build, pack)
        outline(project.source, tree, folder, root=root, also=(said.build.python.lock,))
        return pack.outlook(Path(folder) / root, said.build)


def offer(session: Session) -> Offer:
    """What one host has."""
    told = session.call(requests.Survey(KINDS), requests.Surveyed)
    return Offer(session.host.name, tuple(told.interpreters), told.machine, told.glibc)


def check(target: Target, launch: Launch) -> None:
    """Refuse a build that a host has no interpreter for, before anything is sent there."""
    wanted = [runtime for runtime in launch.runtimes if not target.settings.is_local]
    if not wanted:
        return
    from deployer.agent import interpreters, runtimes  # noqa: PLC0415 - a target of hosts, and a build that needs one

    def one(session: Session) -> None:
        has = offer(session)
        for runtime in wanted:
            reason = foreign(runtime, has.machine, has.glibc)
            if reason:
                raise runtimes.refusal(runtime, session.host.name, reason)
            if runtime.vendored:
                continue
            here = [theirs for theirs in has.interpreters if theirs.kind == runtime.kind]
            if not any(satisfies(theirs, runtime) for theirs in here):
                raise interpreters.refusal(runtime, here, session.host.name)

    target.fleet.ask(one).all()
