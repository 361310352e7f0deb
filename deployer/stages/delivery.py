"""How does a build get to the hosts?  Each is asked what it lacks; nothing else is sent.

What several hosts lack is packed once.  What this machine does not have comes from the primary, or from another host:
a rollback, or a host that missed a release, needs neither the repository nor the machine that built it.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import IO

from deployer.core import delta, names, requests
from deployer.core import manifest as manifest_
from deployer.core.errors import NotFound
from deployer.core.manifest import File, Launch, Manifest
from deployer.hosts import supervisor_package
from deployer.hosts.session import Session, compressed, pieces
from deployer.stages.events import step
from deployer.stages.target import Target

BLOCK, PIECE = 1 << 20, 1 << 16
IN_MEMORY = 1 << 20  # bytes of packed contents; more goes to a temporary file
SUPERVISOR = "supervisor"


def manifest(target: Target, build: str) -> Manifest:
    """What the build consists of: from this machine's store, else from a host, for a rollback needs no store."""
    if target.project.store.has(build):
        return target.project.store.manifest(build)
    return manifest_.parse(_having(target, build).receive(requests.ReadManifest(build)))


def _having(target: Target, build: str) -> Session:
    """A host that has the build: the primary, or where it missed it any other."""
    having = [session for session in target.fleet.sessions if build in session.found.builds]
    if not having:
        raise NotFound(f"build {names.short(build)} is neither here nor on the hosts", hint="`deploy build` makes it")
    return target.primary if target.primary in having else having[0]


def deliver(target: Target, build: str, launch: Launch, among: Sequence[Session]) -> None:
    """Have the build, what it brings along and what the process manager needs, whole and durable on these hosts."""
    for content in [*carried(launch), build]:
        if all(content in session.found.builds for session in among) and not any(map(lacks_tool, among)):
            continue
        delivery = Delivery(target, content)
        target.fleet.ask(delivery.to, among).all()


def carried(launch: Launch) -> list[str]:
    """The runtimes that a build brings along: each is sent to a host once."""
    return sorted({runtime.vendored for runtime in launch.runtimes} - {""})


class Delivery:
    """One build on its way to hosts of a target."""

    def __init__(self, target: Target, build: str) -> None:
        self._target, self._build = target, build
        self._source = None if target.project.store.has(build) else _having(target, build)
        self._packed: dict[tuple[int, ...], Packed] = {}
        self._offers: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @cached_property
    def manifest(self) -> Manifest:
        """What the build consists of."""
        return manifest(self._target, self._build)

    def to(self, session: Session) -> None:
        """Send the host what it lacks."""
        if lacks_tool(session):
            request = requests.PutTool(supervisor_package.tool(), supervisor_package.digest())
            session.call(request, requests.Done, stream=pieces(supervisor_package.archive()))
        if self._build in session.found.builds:
            return
        lacking = self._offer(session)
        files = self.manifest.files
        size = sum(files[index].size for index in lacking)
        with step(self._target.report, f"sending {len(lacking)} files, {size / 1e6:.1f} MB", session.host.name):
            session.call(requests.PutBuild(self._build), requests.Done, stream=self._contents(lacking))
        session.found.builds.append(self._build)

    def _offer(self, session: Session) -> list[int]:
        base = self._base(session)
        with self._lock:
            if base not in self._offers:
                self._offers[base] = self._offered(base)
        offer = requests.OfferBuild(self._build, base)
        return session.call(offer, requests.Lacks, stream=pieces(self._offers[base])).files

    def _offered(self, base: str) -> bytes:
        """The manifest: whole, or as what differs from that of the build `base`."""
        text = self.manifest.render()
        return delta.make(self._target.project.store.manifest(base).render(), text) if base else text

    def _base(self, session: Session) -> str:
        """The newest build that the host has and this machine knows; '' if there is none."""
        releases = reversed(self._target.ledger.releases.values())
        known = (release.build for release in releases if release.build in session.found.builds)
        return next((build for build in known if self._target.project.store.has(build)), "")

    def _contents(self, lacking: list[int]) -> Iterator[bytes]:
        if len(self._target.fleet.sessions) == 1:
            return self._stream(lacking)
        with self._lock:
            packed = self._packed.setdefault(tuple(lacking), Packed(self._stream(lacking)))
        return packed.read()

    def _stream(self, lacking: list[int]) -> Iterator[bytes]:
        if self._source is not None:
            return self._source.stream(requests.ReadContents(self._build, lacking))
        files = self.manifest.files
        return compressed(_blocks(self._target, [files[index] for index in lacking]))


class Packed:
    """A stream that is made once, by whoever is furthest in it, and read by many."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._lock = source, threading.Lock()
        self._made: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it lives as long as we do
        self._size, self._whole = 0, False

    def read(self) -> Iterator[bytes]:
        """All its bytes."""
        at = 0
        while part := self._part(at):
            yield part
            at += len(part)

    def _part(self, at: int) -> bytes:
        with self._lock:
            while self._size <= at and not self._whole:
                part = next(self._source, b"")
                self._made.seek(self._size)
                self._size += self._made.write(part)
                self._whole = not part
            self._made.seek(at)
            return self._made.read(PIECE)


def lacks_tool(session: Session) -> bool:
    """Whether the host has not what its process manager needs."""
    return session.found.manager == SUPERVISOR and supervisor_package.tool() not in session.found.tools


def _blocks(target: Target, files: list[File]) -> Iterator[bytes]:
    for file in files:
        with target.project.store.open_object(file) as content:
            while block := content.read(BLOCK):
                yield block
