"""How does a build travel as one file?

gzip of: `MAGIC`; the lengths of manifest and record; both; then every content once, in the manifest's order.  The
runtimes that the build brings along follow in the same form, with an empty record.
The bytes are read as if an enemy wrote them: nothing is made but what the checked manifest names, each content is
bounded by its size there and checked by its digest, and only when all is well does anything reach the store.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deployer.agent import durable
from deployer.agent.objects import receive
from deployer.builds import output
from deployer.builds.store import Build, BuildStore, carried
from deployer.core import canonical, wire
from deployer.core.errors import Drift, NotFound, ReleaseRefused
from deployer.core.manifest import BadManifest, File, Launch, Manifest, parse

MAGIC = b"deployer-build 1\n"
LENGTHS = struct.Struct(">QQ")
LARGEST_MANIFEST = 256 * 1024 * 1024
LARGEST_RECORD = 1024 * 1024
BEST_RATIO = 1100  # deflate cannot do better than 1032 : 1
BLOCK = 1024 * 1024
GZIP = 31
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")


@dataclass(frozen=True)
class Told:
    """What the file says of the build beyond the manifest: nothing that anything but a table depends on."""

    commit: str
    ref: str
    subject: str
    pack: str
    at: str
    seconds: float
    tools: dict[str, str]


def export(store: BuildStore, build: Build, path: Path) -> None:
    """Write the build as one file; the same build of the same store makes the same bytes (see `output.write`)."""
    output.write(path, _compressed(store, store.manifest(build.id), build))


def import_(store: BuildStore, path: Path) -> Build:
    """The build that an exported file holds, put into the store; `ReleaseRefused` if one byte of it is not right."""
    try:
        file = open(path, "rb")  # noqa: SIM115 — opened apart from its reading, so that only this is "missing"
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"there is no file {path}", hint="`deploy build --output FILE` makes one") from error
    with file:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None  # a pipe does not say
        try:
            return _read(store, _Inflated(file), size)
        except (Drift, BadManifest, wire.BadFrame, zlib.error, EOFError, ValueError, TypeError) as error:
            raise ReleaseRefused(
                f"{path} is not a whole, unaltered build: {error}", hint="export it again: `deploy build --output FILE`"
            ) from error


def _compressed(store: BuildStore, manifest: Manifest, build: Build) -> Iterator[bytes]:
    compress = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    for block in _plain(store, manifest, build):
        yield compress.compress(block)
    yield compress.flush()


def _plain(store: BuildStore, manifest: Manifest, build: Build) -> Iterator[bytes]:
    text = manifest.render()
    told = Told(build.commit, build.ref, build.subject, build.pack, build.at, build.seconds, dict(build.tools))
    yield from _section(store, manifest, text, canonical.dumps(wire.encode(told)))
    for name in carried(manifest):
        runtime = store.manifest(name)
        yield from _section(store, runtime, runtime.render(), b"")


def _section(store: BuildStore, manifest: Manifest, text: bytes, record: bytes) -> Iterator[bytes]:
    yield MAGIC + LENGTHS.pack(len(text), len(record)) + text + record
    for content in _contents(manifest):
        with store.open_object(content) as file:
            while block := file.read(BLOCK):
                yield block


def _read(store: BuildStore, stream: _Inflated, size: int | None) -> Build:
    with contextlib.ExitStack() as folders:
        manifest, record = _head(stream)
        build = _record(manifest, canonical.loads(record))
        sections = [(manifest, _received(store, stream, manifest, size, folders))]
        for name in carried(manifest):
            runtime, _ = _head(stream)
            if runtime.id != name:
                raise Drift("it holds another runtime than the build names")
            sections.append((runtime, _received(store, stream, runtime, size, folders)))
        stream.end()
        for each, folder in reversed(sections):  # the build last: it is there when all is
            durable.sync_filesystem(folder)
            with store.keeping():
                for number, file in enumerate(_contents(each)):
                    if not store.objects.has(file):
                        store.objects.adopt(f"{folder}/{number}", file)
                if each is manifest:
                    store.publish(build, manifest)
                else:
                    store.publish_runtime(each)
    return build


def _head(stream: _Inflated) -> tuple[Manifest, bytes]:
    if stream.exactly(len(MAGIC)) != MAGIC:
        raise Drift("it is no build of this format")
    lengths = LENGTHS.unpack(stream.exactly(LENGTHS.size))
    if lengths[0] > LARGEST_MANIFEST or lengths[1] > LARGEST_RECORD:
        raise Drift("its manifest is too large")
    return parse(stream.exactly(lengths[0])), stream.exactly(lengths[1])


def _received(
    store: BuildStore, stream: _Inflated, manifest: Manifest, size: int | None, folders: contextlib.ExitStack
) -> str:
    """The folder where the contents of a section lie, numbered."""
    contents = _contents(manifest)
    total = sum(file.size for file in contents)
    folder = folders.enter_context(store.workshop())
    if (size is not None and total > size * BEST_RATIO) or total > shutil.disk_usage(folder).free:
        raise Drift(f"it claims to hold {total} bytes, more than it can or than there is room for")
    for number, file in enumerate(contents):
        receive(f"{folder}/{number}", file, stream)
    return folder


def _record(manifest: Manifest, record: Any) -> Build:
    """Who made it and when, as the file tells; what it consists of, as the manifest proves."""
    launch, told = wire.decode(Launch, manifest.launch), wire.decode(Told, record)
    shown = [told.ref, told.subject, told.pack, told.at, *told.tools, *told.tools.values()]
    if not COMMIT.match(told.commit) or not all(text.isprintable() for text in shown):
        raise Drift("its record is damaged")
    return Build(
        id=manifest.id,
        commit=told.commit,
        ref=told.ref,
        subject=told.subject,
        pack=told.pack,
        at=told.at,
        seconds=told.seconds,
        files=len(manifest.entries),
        bytes=manifest.size,
        processes={kind.name: kind.command for kind in launch.processes},
        tools=told.tools,
    )


def _contents(manifest: Manifest) -> list[File]:
    """The files of the manifest, each content once."""
    return list({(file.sha256, file.executable): file for file in reversed(manifest.files)}.values())[::-1]


class _Inflated:
    """A gzip stream to read from: never more in memory than asked for, and an end that is really one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(GZIP)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end."""
        while not self._inflate.eof:
            block = self._inflate.unconsumed_tail or self._file.read(BLOCK)
            if not block:
                raise EOFError("it ends too early")
            if found := self._inflate.decompress(block, max(size, 1)):
                return found
        return b""

    def exactly(self, size: int) -> bytes:
        """`size` bytes."""
        parts = []
        while size:
            part = self.read(min(size, BLOCK))
            if not part:
                raise EOFError("it ends too early")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def end(self) -> None:
        """Nothing more may come, and the checksum must have been there."""
        if self.read(1) or self._inflate.unused_data or self._file.read(1):
            raise Drift("something follows its end")
