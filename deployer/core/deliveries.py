"""By which requests do builds, agents and releases come onto a host, are checked there, go on to another, and go?"""

from __future__ import annotations

from deployer.core.interpreter import Interpreter
from deployer.core.message import message
from deployer.core.release import Spec
from deployer.core.secret import Secret


@message
class OfferBuild:
    """The manifest follows as a stream; the reply says which contents the host lacks.

    With a `base`, a build that is there, the stream is a delta against that one's manifest (`core/delta.py`).
    """

    build: str
    base: str = ""


@message
class Lacks:
    """Indices into the manifest's files (each content once)."""

    files: list[int]


@message
class PutBuild:
    """The lacking contents follow, in the manifest's order, as one zlib stream; then the build is whole here."""

    build: str


@message
class PutTool:
    """A zip archive follows; it is unpacked to `agent/<name>` (the supervisor, where the host has none)."""

    name: str
    sha256: str


@message
class ReadManifest:
    """The manifest of a release or build that is present here; it comes as a stream."""

    build: str


@message
class ReadContents:
    """These files of a build that is here (indices into its manifest's files); they come as one zlib stream."""

    build: str
    files: list[int]


@message
class ReadAgent:
    """The agent that release `version` is launched by; it comes as a stream."""

    version: int


@message
class PutAgent:
    """An agent follows as a stream, for a release that was made with another one than this session's."""

    sha256: str


@message
class Survey:
    """What is here to run builds with?  `kinds` are `python`, `node`."""

    kinds: list[str]


@message
class Surveyed:
    """The host's interpreters, its machine (`uname -m`) and its GNU C library's version ('' for none)."""

    interpreters: list[Interpreter]
    machine: str
    glibc: str


@message
class Stage:
    """Make a release directory, complete, verified and durable.

    `text` is the `release.json` of a release that another host has: an older deployer may have written it otherwise
    than this one would, and the ledger names its bytes.
    """

    spec: Spec
    variables: dict[str, Secret]
    text: str = ""


@message
class Staged:
    """The digests that the ledger's record names."""

    config: str
    spec: str


@message
class GiveTimes:
    """Give the files of a release that is to run their times: what it changes is newer than what it replaces here."""

    version: int


@message
class Times:
    """The times of a release's files, in the order of its manifest: how many have the next one, and which; and so on.

    In whole seconds since 1970; 0 is none, -1 stands for what is not of this host's release.
    """

    seconds: list[int]


@message
class Verify:
    """Check releases by their digests; `config` and `spec` are what the ledger says of each."""

    version: int
    build: str
    config: str
    spec: str


@message
class Problems:
    """What does not match, one a line; empty where all does."""

    problems: list[str]


@message
class Prune:
    """Remove all releases but these, then the builds and contents that nothing needs."""

    keep: list[int]
    keep_builds: list[str]


@message
class Pruned:
    """What went away."""

    releases: list[int]
    builds: list[str]
    objects: int
    bytes: int
