"""How does a build get onto the host?  A manifest, then only the contents that are lacking, each checked."""

from __future__ import annotations

import io
import os
import zlib

from deployer.agent import durable
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.objects import Objects, receive
from deployer.core import canonical, delta, manifest, requests
from deployer.core.errors import Drift, NotFound
from deployer.core.manifest import File, Manifest
from deployer.core.message import message

_PARSED: dict[str, Manifest] = {}


@message
class Offered:
    """A build that is on its way: its manifest as it arrived, and the contents that are lacking here."""

    text: bytes
    manifest: Manifest
    lacking: list[File]


def offer_build(request: requests.OfferBuild, host: Host) -> requests.Lacks:
    """Take a manifest, check that it is the build's, and say which contents are lacking here."""
    text = host.session.stream().read()
    if request.base:
        text = _applied(manifest_text(host.files, request.base), text)
    if canonical.sha256(text) != request.build:
        raise Drift(f"the manifest that arrived is not that of build {request.build[:12]}", hint="run it again")
    offered, objects = manifest.parse(text), Objects(host.files.objects)
    lacking = [(index, file) for index, file in distinct(offered) if not objects.has(file)]
    host.offered[request.build] = Offered(text, offered, [file for _, file in lacking])
    return requests.Lacks([index for index, _ in lacking])


def _applied(base: bytes, change: bytes) -> bytes:
    try:
        return delta.apply(base, change)
    except delta.BadDelta as error:
        raise Drift(f"the manifest that arrived is damaged: {error}", hint="run it again") from error


def put_build(request: requests.PutBuild, host: Host) -> requests.Done:
    """Take the lacking contents; when all are here and durable, the build is: its manifest is put in place last."""
    offered = host.offered.get(request.build)
    if offered is None:
        raise NotFound(f"build {request.build[:12]} was not offered in this session")
    objects, lacking = Objects(host.files.objects), offered.lacking
    scratch = durable.temporary(host.files.objects)
    os.mkdir(scratch, 0o700)
    try:
        incoming = Inflated(host.session.stream())
        for number, file in enumerate(lacking):
            receive(f"{scratch}/{number}", file, incoming)
        incoming.drain()
        # before an object gets its name: a name means content, even after a power cut
        durable.sync_paths(scratch, [f"{scratch}/{number}" for number in range(len(lacking))])
        for number, file in enumerate(lacking):
            objects.place(f"{scratch}/{number}", file)
    finally:
        durable.remove_tree(scratch)
    home = host.files.build(request.build)
    durable.make_directory(home)
    folders = {os.path.dirname(objects.path(file)) for file in lacking}
    durable.sync_paths(host.files.objects, [*folders, str(host.files.objects)])
    durable.write(home / "manifest", offered.text, mode=0o444, name="manifest")
    _PARSED[request.build] = offered.manifest
    return requests.Done()


def put_tool(request: requests.PutTool, host: Host) -> requests.Done:
    """Take a zip archive and unpack it to `agent/<name>`, whole or not at all."""
    import zipfile  # noqa: PLC0415 - nearly no session brings a tool

    content = host.session.stream().read()
    if canonical.sha256(content) != request.sha256:
        raise Drift(f"{request.name}: what arrived is not what was sent", hint="run the command again")
    home = host.files.agent / request.name
    if not home.is_dir():
        part = durable.temporary(home)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                if manifest.unsafe_path(member.rstrip("/")):
                    raise Drift(f"{request.name}: {member!r} is no safe path")
            archive.extractall(part)
        durable.sync_filesystem(host.files.agent)
        durable.move(part, home, name="tool")
    return requests.Done()


def manifest_text(files: Layout, build: str) -> bytes:
    """The bytes of a build's manifest, checked against its id."""
    try:
        text = (files.build(build) / "manifest").read_bytes()
    except FileNotFoundError:
        raise NotFound(f"build {build[:12]} is not here any more", hint="build it again: `deploy build`") from None
    if canonical.sha256(text) != build:
        raise Drift(f"{files.build(build)}/manifest is not that of build {build[:12]}", hint="`deploy verify`")
    return text


def distinct(build: Manifest) -> list[tuple[int, File]]:
    """The files of a build, each content once, with their indices."""
    seen: set[tuple[str, bool]] = set()
    chosen = []
    for index, file in enumerate(build.files):
        if (file.sha256, file.executable) not in seen:
            seen.add((file.sha256, file.executable))
            chosen.append((index, file))
    return chosen


class Inflated(io.RawIOBase):
    """A zlib stream as a file to read from."""

    def __init__(self, source: io.RawIOBase) -> None:
        super().__init__()
        self._source, self._inflate, self._left = source, zlib.decompressobj(), b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; b"" at the end; `Drift` for what zlib cannot read."""
        while not self._left and not self._inflate.eof:
            fed = self._inflate.unconsumed_tail or self._source.read(1 << 16)
            if not fed:
                break
            try:
                self._left = self._inflate.decompress(fed, 1 << 20)
            except zlib.error as error:
                raise Drift(f"the stream of contents is damaged: {error}", hint="run the command again") from error
        part, self._left = self._left[:size], self._left[size:]
        return part

    def drain(self) -> None:
        """Read the rest, so that the next frame is the next request."""
        while self._source.read(1 << 20):
            pass


def open_manifest(files: Layout, build: str) -> Manifest:
    """A build's manifest, parsed once a session: it is named by its digest, so it is the same ever after."""
    if build not in _PARSED:
        _PARSED[build] = manifest.parse(manifest_text(files, build))
    return _PARSED[build]


def has_build(files: Layout, build: str) -> bool:
    """Whether the build is whole here."""
    return os.path.exists(files.build(build) / "manifest")
