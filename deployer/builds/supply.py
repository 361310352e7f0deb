"""Interpreters that builds bring along: got once, kept in the cache, and content-addressed in the store of builds.

A runtime is stored as a build is, with a manifest of its own (pack `runtime`), so it travels, is checked and is pruned
by what does that with builds.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer.agent import durable
from deployer.builds import elf, scan
from deployer.builds.packs import Offer
from deployer.builds.store import BuildStore
from deployer.core.interpreter import Interpreter, foreign
from deployer.core.manifest import Runtime, manifest

PACK = "runtime"


class Unavailable(Exception):
    """There is no such runtime to be had, and why."""


@dataclass(frozen=True)
class Carried:
    """A runtime in the store: `id`, the program in it, the C library that it needs; `interpreter` runs it here."""

    interpreter: Interpreter
    id: str
    program: str
    glibc: str

    def runtime(self, link: str, *, program: str = "", glibc: str = "") -> Runtime:
        """What a build says that brings it along; `glibc` is what the build's own binaries need."""
        one = self.interpreter
        return Runtime(
            kind=one.kind,
            version=one.version,
            abi=one.abi,
            machine=one.machine,
            link=link,
            glibc=elf.newer(glibc, self.glibc),
            vendored=self.id,
            program=program or self.program,
        )

    def misfit(self, offers: Sequence[Offer]) -> str:
        """Why it does not run on one of the hosts; '' if it runs on all."""
        runtime = self.runtime("")
        reasons = ((offer.host, foreign(runtime, offer.machine, offer.glibc)) for offer in offers)
        return next((f"{host}: {reason}" for host, reason in reasons if reason), "")


@dataclass(frozen=True)
class Supply:
    """Where runtimes come from and are kept: `cache` outlives apps, `store` is the app's; `environ` is the caller's."""

    store: BuildStore
    cache: Path
    environ: Mapping[str, str]
    report: Callable[[str, str], None]

    def known(self, home: Path, interpreter: Interpreter, program: str) -> Carried | None:
        """The runtime of the cache's folder `home`, if the store has it already: nothing is copied or digested then."""
        try:
            told = json.loads(_note(home).read_text())
            carried = Carried(interpreter, told["id"], program, told["glibc"])
        except (OSError, ValueError, KeyError):
            return None  # a note is a convenience: what cannot be read is found out again
        return carried if self.store.has(carried.id) else None

    def keep(self, folder: Path, interpreter: Interpreter, program: str, *, home: Path) -> Carried:
        """Put the runtime in `folder`, a copy of the cache's `home`, into the store; the folder is used up."""
        entries = scan.scan(str(folder))
        content = manifest({"pack": PACK, "kind": interpreter.kind, "version": interpreter.version}, entries)
        carried = Carried(interpreter, content.id, program, elf.glibc_of(folder))
        if not self.store.has(content.id):
            durable.sync_filesystem(folder)
            with self.store.keeping():
                scan.adopt(str(folder), content.entries, self.store.objects)
                self.store.publish_runtime(content)
        _note(home).write_text(json.dumps({"id": carried.id, "glibc": carried.glibc}))
        return carried

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the cache that vanishes."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="scratch-") as folder:
            yield Path(folder)

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A folder on the store's file system, for what `keep` takes."""
        with self.store.workshop() as folder:
            yield Path(folder) / "runtime"


def cache_of(environ: Mapping[str, str]) -> Path:
    """Where runtimes are kept on this machine, for all apps."""
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(environ.get("XDG_CACHE_HOME") or f"{home}/.cache") / "deployer" / "runtimes"


def _note(home: Path) -> Path:
    return home.with_name(f"{home.name}.json")


def put(made: Path, place: Path) -> None:
    """Give what was made its place in the cache; whoever was quicker wins."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(made, place)
    except OSError:
        if not place.is_dir():
            raise
        shutil.rmtree(made)
