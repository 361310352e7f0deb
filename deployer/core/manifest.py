"""What does a build consist of, and what is its id?

A manifest is text: one canonical JSON line about the build (its `Launch`), then a line for each entry,
sorted by the bytes of its path.  The build's id is the sha256 of these bytes: no times, no owners, nothing
compressed (design, rule 1).

    {"format":1,"processes":…}
    f 644 <sha256> <size> path          a file; 755 where its owner may execute it
    l <target> path                     a symbolic link that stays inside; both JSON strings
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any, Union

from deployer.core import canonical
from deployer.core.message import field, message

FORMAT = 1
LONGEST_PATH = 1024
LONGEST_PART = 255
DEEPEST = 64
_PLAIN = re.compile(r"(?:\.?[A-Za-z0-9_+@-][A-Za-z0-9_.+@~ -]*/){0,30}\.?[A-Za-z0-9_+@-][A-Za-z0-9_.+@~ -]*\Z")
_FILE = re.compile(r"f (644|755) ([0-9a-f]{64}) ([0-9]+) (.+)\Z", re.DOTALL)


class BadManifest(ValueError):
    """The bytes are no manifest, or one of its paths is not safe to make."""


@message
class File:
    """A file of a build.  `sha256` in hex, `size` in bytes."""

    path: str
    sha256: str
    size: int
    executable: bool = False


@message
class Link:
    """A symbolic link of a build; its target is relative and stays inside the build."""

    path: str
    target: str


Entry = Union[File, Link]


@message
class Runtime:
    """An interpreter that the build needs on the host.

    `link` is where, inside the build, the host puts a link to it.  `match` is `exact` (the full version), `minor` (the
    same ABI) or `auto`: the same ABI and a patch level that makes no difference to the packages, for a set of packages
    that was chosen for 3.11.7 can be incomplete on 3.11.2.  `unfit` has the versions where it makes one, each with the
    reason.  `lacks` are modules of the standard library that it does without.  `glibc` is the oldest GNU C library
    that the build's own binaries run with, '' for any.  `vendored` is the runtime that the build carries, by the id
    of its own manifest, and `program` the path in it: such a build needs none of the host's.
    """

    kind: str
    version: str
    abi: str
    machine: str
    link: str
    match: str = "exact"
    unfit: dict[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    glibc: str = ""
    vendored: str = ""
    program: str = ""


@message
class ProcessType:
    """A process type: its command, given to `sh -c` unchanged, and how its processes live.  Times in seconds.

    `memory` (bytes), `cpu` (in whole processors: 0.5 is half of one) and `files` (open at once) are limits of one
    process with all its children, 0 where there is none.  `writable` are paths that it may write to besides the
    target's own; without `hardening` it may write wherever its user may.

    `health` is a path that has to answer, `tcp` (it takes connections) or `notify` (it says READY=1, sd_notify(3));
    it is asked with `health_host` as its Host and with `health_headers`.  `expose` is what it speaks at its port:
    `http`, `tcp`, or `port` where nothing says what ('' in builds that are older than this).  `health_command` has to
    end with 0.  Once it is up it has to stay so for `healthy_time`.  `watchdog` is WatchdogSec, 0 for none.

    `update` says how a new release takes
    the place of the old one (core/strategy.py), `once` that the whole target has one process at most, `listen` whether
    it is given a `socket` that outlives releases or binds its `port` itself, `schedule` when it runs, '' for always.
    `stop_signal` (TERM, QUIT …) tells it to stop.
    `address` is where its own configuration has it listen, as far as that holds for its socket (core/servers.py).
    """

    name: str
    command: str
    health: str = ""
    port: int = 0
    boot_timeout: float = 60
    stop_timeout: float = 30
    healthy_time: float = 3
    update: str = "auto"
    binds_port: bool = False
    memory: int = 0
    cpu: float = 0
    files: int = 0
    hardening: bool = True
    writable: tuple[str, ...] = ()
    health_command: str = ""
    watchdog: float = 0
    once: bool = False
    listen: str = "port"
    schedule: str = ""
    expose: str = ""
    health_host: str = ""
    health_headers: tuple[tuple[str, str], ...] = ()
    stop_signal: str = "TERM"
    address: str = ""


@message
class Launch:
    """What a build says about launching itself: it is target-independent and part of the build's id."""

    pack: str
    processes: tuple[ProcessType, ...] = ()
    release_command: str = ""
    console: str = ""
    required: tuple[str, ...] = ()
    runtimes: tuple[Runtime, ...] = ()
    path: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    root: str = ""  # the folder of the build in which processes start; '' for its top


@message
class Manifest:
    """A build's content: `launch` and its entries, sorted by the bytes of their paths."""

    launch: dict[str, Any]
    entries: tuple[Entry, ...]

    @property
    def files(self) -> list[File]:
        """The entries that are files."""
        return [entry for entry in self.entries if isinstance(entry, File)]

    @property
    def size(self) -> int:
        """The sum of all files' sizes, in bytes."""
        return sum(entry.size for entry in self.files)

    def render(self) -> bytes:
        """The manifest's bytes."""
        lines = [canonical.dumps({"format": FORMAT, **self.launch}).decode()]
        lines += [_line(entry) for entry in self.entries]
        return ("\n".join(lines) + "\n").encode()

    @property
    def id(self) -> str:
        """The build's id: 64 hex digits."""
        return canonical.sha256(self.render())


def manifest(launch: dict[str, Any], entries: list[Entry]) -> Manifest:
    """A manifest of these entries, sorted and checked; `BadManifest` names the first path that is not safe."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.path.encode()))
    check(ordered)
    check_runtimes(launch, ordered)
    return Manifest(launch, ordered)


def parse(text: bytes) -> Manifest:
    """The manifest that `render` wrote, checked again: it may come from anywhere."""
    try:
        lines = text.decode().split("\n")
        header = canonical.loads(lines[0].encode())
        if lines.pop() != "" or header.pop("format") != FORMAT:
            raise BadManifest(f"not a manifest of format {FORMAT}")
        found = Manifest(header, tuple(_entry(line) for line in lines[1:]))
        if found.render() != text:
            raise BadManifest("not in canonical form")
        check(found.entries)
        check_runtimes(header, found.entries)
    except BadManifest:
        raise
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError) as error:
        raise BadManifest(f"not a manifest: {error}") from error
    return found


def check(entries: tuple[Entry, ...]) -> None:
    """Refuse what must never be unpacked: escaping or absolute paths and links, duplicates, a file as a folder."""
    leaves = {entry.path for entry in entries}
    folders: set[str] = set()
    previous = b""
    for entry in entries:
        path, raw = entry.path, entry.path.encode()
        reason = unsafe_path(path) or (unsafe_link(path, entry.target) if isinstance(entry, Link) else "")
        if reason:
            raise BadManifest(f"{path!r}: {reason}")
        if raw <= previous:
            raise BadManifest(f"{path!r}: stands twice or out of order")
        folder = posixpath.dirname(path)
        while folder and folder not in folders:
            if folder in leaves:
                raise BadManifest(f"{path!r}: {folder!r} is not a folder")
            folders.add(folder)
            folder = posixpath.dirname(folder)
        previous = raw


def check_runtimes(launch: dict[str, Any], entries: tuple[Entry, ...]) -> None:
    """Refuse a runtime whose link a host would have to make outside of the build, or over one of its entries."""
    for runtime in launch.get("runtimes", ()):
        link: str = runtime["link"]
        reason = unsafe_path(link)
        if reason:
            raise BadManifest(f"a runtime's link {link!r}: {reason}")
        above = {link[:end] for end, char in enumerate(link) if char == "/"} | {link}
        if any(entry.path in above or entry.path.startswith(f"{link}/") for entry in entries):
            raise BadManifest(f"a runtime's link {link!r}: the build has something there itself")


def unsafe_path(path: str) -> str:
    """Why `path` may not be made below a release, or ''."""
    if len(path) <= LONGEST_PART and _PLAIN.match(path):  # nearly all; the rest is looked at part by part
        return ""
    parts = path.split("/")
    if not path or path.startswith("/"):
        return "an absolute or empty path"
    if any(part in ("", ".", "..") for part in parts):
        return "leads outside, or is not normal"
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        return "has a control character"
    if len(path.encode()) > LONGEST_PATH or max(len(part.encode()) for part in parts) > LONGEST_PART:
        return "too long"
    return "too deep" if len(parts) > DEEPEST else ""


def unsafe_link(path: str, target: str) -> str:
    """Why a symbolic link at `path` to `target` may not be made, or ''."""
    if not target or target.startswith("/"):
        return f"an absolute link to {target!r}"
    parts = target.split("/")
    descended = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if ".." in parts[descended:]:  # `a/..` leads elsewhere where `a` is a link: only leading `..` can be checked
        return f"a link to {target!r}, which goes down and up again"
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if resolved == ".." or resolved.startswith("../"):
        return f"a link that leads outside, to {target!r}"
    if any(ord(char) < 32 or ord(char) == 127 for char in target):
        return "a link with a control character"
    return ""


def _line(entry: Entry) -> str:
    if isinstance(entry, Link):
        return f"l {json.dumps(entry.target, ensure_ascii=False)} {json.dumps(entry.path, ensure_ascii=False)}"
    return f"f {'755' if entry.executable else '644'} {entry.sha256} {entry.size} {entry.path}"


def _entry(line: str) -> Entry:
    if line.startswith("f "):
        found = _FILE.match(line)
        if found is None:
            raise BadManifest(f"not an entry: {line!r}")
        mode, sha256, size, path = found.groups()
        return File(path, sha256, int(size), mode == "755")
    decoder = json.JSONDecoder()
    target, end = decoder.raw_decode(line, 2)
    path, _ = decoder.raw_decode(line, end + 1)
    if not line.startswith("l ") or not isinstance(target, str) or not isinstance(path, str):
        raise BadManifest(f"not an entry: {line!r}")
    return Link(path, target)
