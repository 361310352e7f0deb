"""What must a pack be able to do?  The protocol, and the table of the packs we ship.

Third parties add packs through the entry point group `deployer.packs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from deployer.core.interpreter import Interpreter
from deployer.core.manifest import Runtime
from deployer.core.recipe import Recipe

if TYPE_CHECKING:
    from deployer.builds.supply import Supply


@dataclass(frozen=True)
class Offer:
    """What one host of the target has to run a build with: its interpreters, machine and GNU C library."""

    host: str
    interpreters: tuple[Interpreter, ...]
    machine: str
    glibc: str


Hosts = Callable[[], Sequence[Offer]]  # asked for when a pack needs it, for it costs a login


def no_hosts() -> Sequence[Offer]:
    """The hosts of a build that is for no target yet, or for this machine."""
    return ()


@runtime_checkable
class Matching(Protocol):
    """A pack whose builds need an interpreter of the host, and that can choose one that the hosts have."""

    hosts: Hosts
    supply: Supply | None

    def outlook(self, tree: Path, recipe: Recipe) -> tuple[bool, str]:
        """Which interpreter will run the app on the hosts, in a sentence; False where it may be none."""
        ...


class Run(Protocol):
    """Runs a command of a build: streams its output, keeps it in the build's log, raises `BuildFailed`."""

    def __call__(
        self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Run `command` (an argument list) in `cwd` (default: the tree) with `env` added to the workshop's."""
        ...


@dataclass(frozen=True)
class Workshop:
    """Where a pack works: a clean checkout of one commit, to be changed in place.

    `top` is the whole checkout, of which `tree` is the app's folder (`build.root`), usually the same.
    `env` is the allow-listed, deterministic environment of every command (umask 022, TZ=UTC, LC_ALL=C.UTF-8,
    SOURCE_DATE_EPOCH, PYTHONHASHSEED=0); `cache` is a folder that outlives builds, the pack's own.
    """

    tree: Path
    cache: Path
    recipe: Recipe
    env: Mapping[str, str]
    run: Run
    say: Callable[[str], None]  # tells the user one line, and keeps it in the build's log
    whole: Path | None = None

    @property
    def top(self) -> Path:
        """The whole checkout."""
        return self.whole or self.tree


@dataclass(frozen=True)
class Packed:
    """What a pack says of the build: what it needs on the host and how it is launched.

    `processes` are the ecosystem's conventional process types (type to command), used where there is no Procfile;
    `env` holds defaults for every process; `path` are folders of the build put before PATH; `dropped` are paths that
    are there for `build.commands` and leave the tree after them.  All paths are relative to the workshop's tree.
    `proof` is a command that ends with 0 where the build works in another folder than its own.
    """

    runtimes: tuple[Runtime, ...] = ()
    path: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    processes: Mapping[str, str] = field(default_factory=dict)
    console: str = ""
    dropped: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()


class Pack(Protocol):
    """Knows how to build one ecosystem."""

    name: str

    def detects(self, paths: frozenset[str]) -> bool:
        """Whether a commit with these file paths is this pack's."""
        ...

    def inputs(self, tree: Path, recipe: Recipe) -> Mapping[str, str]:
        """What, besides the commit and the recipe, decides the build's bytes: versions of the tools, the interpreter.

        Part of the cache's key, so it is quick (no tool of a second or more is run for it).  `BuildFailed` with a
        hint when something is missing.
        """
        ...

    def pack(self, workshop: Workshop) -> Packed:
        """Vendor the dependencies and compile the assets in `workshop.tree`; `BuildFailed` when that fails."""
        ...
