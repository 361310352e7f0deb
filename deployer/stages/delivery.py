"""How does a build get to the hosts?  Each is asked what it lacks; nothing else is sent."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.core import manifest as manifest_
from deployer.core import names, requests
from deployer.core.errors import NotFound
from deployer.core.manifest import File, Manifest
from deployer.hosts import supervisor_package
from deployer.hosts.session import Session, compressed, pieces
from deployer.stages.events import DONE, STEP, Event
from deployer.stages.target import Target

BLOCK = 1 << 20


def manifest(target: Target, build: str) -> Manifest:
    """What the build consists of: from this machine's store, else from the primary, for a rollback needs no store."""
    if target.project.store.has(build):
        return target.project.store.manifest(build)
    if target.primary.opened is None or build not in target.primary.opened.builds:
        raise NotFound(f"build {names.short(build)} is neither here nor on the hosts", hint="`deploy build` makes it")
    return manifest_.parse(target.primary.receive(requests.ReadManifest(build)))


def deliver(target: Target, build: str, what: Manifest) -> None:
    """Have the build, and what the process manager needs, whole and durable on every host."""
    target.fleet.ask(lambda session: _deliver(target, session, build, what)).all()


def _deliver(target: Target, session: Session, build: str, what: Manifest) -> None:
    assert session.opened is not None
    tool = supervisor_package.tool()
    if tool not in session.opened.tools:
        request = requests.PutTool(tool, supervisor_package.digest())
        session.call(request, requests.Done, stream=pieces(supervisor_package.archive()))
    if build in session.opened.builds:
        return
    offer = requests.OfferBuild(build)
    lacking = session.call(offer, requests.Lacks, stream=pieces(what.render())).files
    files = what.files
    sent = [files[index] for index in lacking]
    size = sum(file.size for file in sent)
    step = f"sending {len(sent)} files, {size / 1e6:.1f} MB"
    target.report(Event(STEP, step, session.host.name))
    session.call(requests.PutBuild(build), requests.Done, stream=compressed(_contents(target, sent)))
    target.report(Event(DONE, step, session.host.name))


def _contents(target: Target, files: list[File]) -> Iterator[bytes]:
    for file in files:
        with target.project.store.open_object(file) as content:
            while block := content.read(BLOCK):
                yield block
