"""What can a host give away again?  Builds and agents, for another host of the target: a rollback needs no more."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from deployer.agent import durable, transfer
from deployer.agent.context import Host
from deployer.agent.objects import BLOCK, Objects
from deployer.core import canonical, requests, wire
from deployer.core.errors import Drift, NotFound

PIECE = 1 << 20


def read_manifest(request: requests.ReadManifest, host: Host) -> requests.Done:
    """Send a build's manifest as a stream."""
    return _send(host, [transfer.manifest_text(host.files, request.build)])


def read_contents(request: requests.ReadContents, host: Host) -> requests.Done:
    """Send these files' contents, one after the other, as one zlib stream."""
    files = transfer.open_manifest(host.files, request.build).files
    objects = Objects(host.files.objects)

    def contents() -> Iterator[bytes]:
        packed = zlib.compressobj(1)
        for index in request.files:
            with open(objects.path(files[index]), "rb") as content:
                while True:
                    block = content.read(BLOCK)
                    if not block:
                        break
                    yield packed.compress(block)
        yield packed.flush()

    return _send(host, contents())


def read_agent(request: requests.ReadAgent, host: Host) -> requests.Done:
    """Send the agent that a release is launched by."""
    try:
        content = (host.files.release(request.version) / "agent.pyz").read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"v{request.version} is not here any more", hint="`deploy releases` says which are kept"
        ) from None
    return _send(host, [content])


def put_agent(request: requests.PutAgent, host: Host) -> requests.Done:
    """Keep an agent, checked against its digest."""
    content = host.session.stream().read()
    if canonical.sha256(content) != request.sha256:
        raise Drift("the agent that arrived is not the one that was sent", hint="run the command again")
    durable.write(host.files.program(request.sha256), content, mode=0o500, name="agent")
    return requests.Done()


def _send(host: Host, parts: Iterator[bytes] | list[bytes]) -> requests.Done:
    for part in parts:
        for start in range(0, len(part), PIECE):
            host.session.send(wire.CHUNK, part[start : start + PIECE])
    host.session.send(wire.END)
    return requests.Done()
