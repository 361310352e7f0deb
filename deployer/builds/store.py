"""Which builds are on this machine, and where are they?

`root` looks like a host's (`objects/`, `builds/ID/manifest`), so that a local release finds everything in place.
Beside the manifest lie `build.json` (who made it, when, of which commit: never part of the id) and `log`.
`made/KEY.COMMIT` remembers which build came out for a cache key; two commits with the same content share a build.
A build is there when its folder is: it is put in place last, by one rename, when all its objects are on the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from deployer.agent import durable
from deployer.agent.objects import Objects
from deployer.core import names
from deployer.core.errors import Drift, NotFound
from deployer.core.manifest import BadManifest, File, Manifest, parse

WORKSHOP = "workshop"


@dataclass(frozen=True)
class Build:
    """A build and how it came to be.  `processes` are its types with their commands; `key` is the cache's.

    `cached` tells of this very call: nothing had to be made.
    """

    id: str
    commit: str
    ref: str
    subject: str
    pack: str
    at: str
    seconds: float
    files: int
    bytes: int
    processes: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    cached: bool = False


class BuildStore:
    """The builds below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = Objects(root / "objects")

    def list(self) -> list[Build]:
        """Every build, newest first; one of several commits stands once for each."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.root / "builds"):
                if names.BUILD.match(name):
                    record = _read(self.root / "builds" / name / "build.json")
                    if record:
                        found[record.id, record.commit] = record
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.root / "made"):
                record = _read(self.root / "made" / name)
                if record and self.has(record.id):
                    found.setdefault((record.id, record.commit), record)
        return sorted(found.values(), key=lambda build: (build.at, build.id, build.commit), reverse=True)

    def find(self, text: str) -> Build:
        """The build whose id, or else whose commit, begins with `text`; `NotFound` if none or several do."""
        if len(text) < 4:
            raise NotFound(f"{text!r} is too short for a build", hint="`deploy builds` lists them")
        builds = self.list()
        for of in ("id", "commit"):
            chosen = [build for build in builds if getattr(build, of).startswith(text)]
            if len({build.id for build in chosen}) > 1 and of == "id":
                several = ", ".join(sorted({names.short(build.id) for build in chosen}))
                raise NotFound(f"{text} could be {several}", hint="give more digits")
            if chosen:
                return chosen[0]  # several builds of one commit (another recipe, another python): the newest
        raise NotFound(f"there is no build {text}", hint="`deploy builds` lists them")

    def has(self, build: str) -> bool:
        """Whether that build (its full id) is here."""
        return os.path.exists(f"{self.root}/builds/{build}/manifest")

    def manifest(self, build: str) -> Manifest:
        """What the build consists of, checked against its id; `Drift` if somebody altered it."""
        try:
            found = parse((self.root / "builds" / build / "manifest").read_bytes())
        except FileNotFoundError as error:
            raise NotFound(f"there is no build {names.short(build)}", hint="`deploy builds` lists them") from error
        except BadManifest as error:
            raise Drift(f"the manifest of build {names.short(build)} is damaged: {error}", hint=_AGAIN) from error
        if found.id != build:
            raise Drift(f"the manifest of build {names.short(build)} was altered", hint=_AGAIN)
        return found

    def open_object(self, file: File) -> IO[bytes]:
        """The content of one of a build's files; `Drift` if it is gone."""
        try:
            return open(self.objects.path(file), "rb")
        except FileNotFoundError as error:
            raise Drift(f"the content of {file.path} is missing from {self.root}/objects", hint=_AGAIN) from error

    def log(self, build: str) -> Path:
        """Where the log of the build is; an imported build has none."""
        return self.root / "builds" / build / "log"

    def cache(self, name: str) -> Path:
        """A folder that outlives builds, for what a pack downloads."""
        folder = self.root / "cache" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def known(self, key: str, commit: str) -> Build | None:
        """The build that was made for this cache key, if it is still here: of this commit, else of another."""
        exact = _read(self.root / "made" / f"{key}.{commit}")
        if exact and self.has(exact.id):
            return exact
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self.root / "made")):
                other = _read(self.root / "made" / name) if name.startswith(f"{key}.") else None
                if other and self.has(other.id):
                    return other
        return None

    def remember(self, build: Build) -> None:
        """Let the next build of the same key and commit be a cache hit."""
        durable.make_directory(self.root / "made")
        with self.keeping():  # so that no sweep takes what is being written
            durable.write(self.root / "made" / f"{build.key}.{build.commit}", _render(build), name="build.remember")

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """While this lasts no object is removed: whoever prunes takes `objects.lock` exclusively."""
        durable.make_directory(self.root)
        with _locked(f"{self.root}/objects.lock", fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def workshop(self) -> Iterator[str]:
        """A scratch folder on the store's file system; it vanishes afterwards, or with the next build after a kill."""
        durable.make_directory(self.root)
        path = f"{self.root}/{os.path.basename(durable.temporary(WORKSHOP)).removeprefix(durable.TEMPORARY)}"
        with contextlib.ExitStack() as alive:
            try:
                with _locked(f"{self.root}/workshops.lock", fcntl.LOCK_EX):  # who sweeps sees a folder with its lock
                    self._sweep()
                    os.mkdir(path, 0o700)
                    alive.enter_context(_locked(f"{path}/alive", fcntl.LOCK_EX))
                yield path
            finally:
                if os.path.isdir(path):
                    durable.remove_tree(path)

    def publish(self, build: Build, manifest: Manifest, log: str | None = None) -> None:
        """Put the build in place, its objects being there; a build that is there already stays as it is."""
        builds = f"{self.root}/builds"
        durable.make_directory(builds)
        part = durable.temporary(f"{builds}/{build.id}")
        os.mkdir(part, 0o755)
        try:
            durable.write(f"{part}/manifest", manifest.render(), mode=0o444, name="build.manifest")
            durable.write(f"{part}/build.json", _render(build), mode=0o444, name="build.record")
            if log:
                os.rename(log, f"{part}/log")
            durable.sync_filesystem(part)
            durable.move(part, f"{builds}/{build.id}", name="build.place")
        except OSError:
            if not self.has(build.id):  # else another build of the same content was quicker
                raise
        finally:
            if os.path.isdir(part):
                durable.remove_tree(part)

    def publish_runtime(self, manifest: Manifest) -> None:
        """Put a runtime in place, its objects being there: a manifest alone, since nobody chooses it as a build."""
        home = self.root / "builds" / manifest.id
        durable.make_directory(home)
        durable.sync_filesystem(self.root)
        durable.write(home / "manifest", manifest.render(), mode=0o444, name="runtime.manifest")

    def _sweep(self) -> None:
        """Remove what killed builds left behind: scratch folders that nobody locks, and half-published builds."""
        for name in os.listdir(self.root):
            if name.startswith(f"{WORKSHOP}-"):
                with contextlib.suppress(BlockingIOError), _locked(f"{self.root}/{name}/alive", _IF_FREE):
                    durable.remove_tree(f"{self.root}/{name}")
        with contextlib.suppress(BlockingIOError), _locked(f"{self.root}/objects.lock", _IF_FREE):
            for folder in (f"{self.root}/builds", f"{self.root}/made"):
                for name in os.listdir(folder) if os.path.isdir(folder) else ():  # nobody publishes now
                    if name.startswith(durable.TEMPORARY):
                        durable.remove(f"{folder}/{name}", name="build.sweep")


_IF_FREE = fcntl.LOCK_EX | fcntl.LOCK_NB
_AGAIN = "build the commit again"


def carried(manifest: Manifest) -> list[str]:
    """The runtimes that a build brings along, which have manifests of their own."""
    runtimes = manifest.launch.get("runtimes", ())
    return sorted({one["vendored"] for one in runtimes if one.get("vendored")})


def _render(build: Build) -> bytes:
    return json.dumps(asdict(replace(build, cached=False)), indent=1, ensure_ascii=False).encode() + b"\n"


def _read(path: Path) -> Build | None:
    """The record in `path`, or None: a record is a convenience, never what a build consists of."""
    try:
        fields: Any = json.loads(path.read_bytes())
        return Build(**fields)
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def _locked(path: str, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
