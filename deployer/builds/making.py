"""How does a commit's tree become what a build consists of?

A clean checkout, the pack, then the user's `build.commands`; what lies there afterwards is the build.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.agent.fault import point
from deployer.builds import environment, scan, traces
from deployer.builds.checkout import Node, checkout
from deployer.builds.packs import Hosts, Pack, Packed, Workshop, no_hosts
from deployer.builds.source import Commit, Source
from deployer.builds.workshop import Bench
from deployer.core import procfile, wire
from deployer.core.errors import BuildFailed
from deployer.core.manifest import BadManifest, Launch, Manifest, ProcessType, Runtime, manifest
from deployer.core.message import fields
from deployer.core.recipe import Recipe

PROCFILE = "Procfile"
LONGEST_TEXT = 1 << 20  # of a server's configuration

Report = Callable[[str, str], None]  # an event's kind (`step`, `done`, `output`, `warning`) and text
Read = Callable[[str], str]
Settle = Callable[[Mapping[str, str] | None, Mapping[str, str], Read], tuple[tuple[ProcessType, ...], str, str]]


@dataclass(frozen=True)
class Order:
    """What is to be built: a commit by a recipe.

    `settle` makes process types, release command and console of the Procfile (None: there is none), the pack's
    conventions and what it reads in the build; `settings` is whatever else it depends on, for the cache's key;
    `required` are the variables that a release must have; `starts` is whether deploy.yaml has a command that starts a
    process; `hosts` tells what the hosts that it is for have.
    """

    source: Source
    commit: Commit
    recipe: Recipe
    settle: Settle
    required: tuple[str, ...] = ()
    settings: str = ""
    starts: bool = False
    hosts: Hosts = no_hosts


@dataclass(frozen=True)
class Room:
    """Where a build is made: `folder` is scratch, `cache` the pack's own and outlives it."""

    folder: str
    cache: Path
    environ: Mapping[str, str]
    report: Report

    tree = property(lambda self: f"{self.folder}/tree")
    log = property(lambda self: f"{self.folder}/log")


@dataclass(frozen=True)
class Made:
    """The finished build: how it is launched, and all that it consists of."""

    launch: Launch
    manifest: Manifest


def make(order: Order, pack: Pack, tree: list[Node], room: Room) -> Made:
    """Make the build in the room's tree; its commands' output is in the room's log."""
    os.mkdir(room.tree)
    room.report("step", f"checking out {order.commit.id[:12]}")
    checkout(order.source, order.commit, tree, room.tree, recipe=order.recipe)
    root = app_root(order.recipe, pack)
    declared = _procfile(f"{room.tree}/{root}/{PROCFILE}") or _procfile(f"{room.tree}/{PROCFILE}")
    point("build.checked-out")
    packed = _work(order, pack, room, root)
    point("build.packed")
    processes, release_command, console = order.settle(
        declared, packed.processes, lambda path: _text(room.tree, f"{root}/{path}")
    )
    launch = Launch(
        pack=pack.name,
        processes=processes,
        release_command=release_command,
        console=console or packed.console,
        required=order.required,
        runtimes=packed.runtimes,
        path=packed.path,
        env=dict(packed.env),
        root=root,
    )
    room.report("step", "reading the result")
    links = [each.link for each in packed.runtimes]
    places = traces.places(room.folder, room.cache)
    entries, naming = scan.scan_for(places, room.tree, exclude=order.recipe.exclude, links=links)
    for told in traces.check(room.tree, naming, places):
        room.report("warning", told)
    try:
        return Made(launch, manifest(wire.encode(launch), entries))
    except BadManifest as error:
        raise BuildFailed(f"the build holds {error}", hint="") from error


def _procfile(path: str) -> Mapping[str, str] | None:
    """What the commit's Procfile says; None if it has none."""
    if not os.path.isfile(path) or os.path.islink(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        return procfile.parse(file.read())


def app_root(recipe: Recipe, pack: Pack) -> str:
    """The folder of the tree that the pack and the commands work in, '' for its top: `build.root`, but for `static`."""
    return "" if pack.name == "static" or recipe.root == "." else recipe.root.strip("/")


def _text(tree: str, path: str) -> str:
    """The beginning of a text file of the build; '' where there is none, or where it is outside."""
    real = os.path.realpath(f"{tree}/{path}")
    if not real.startswith(f"{os.path.realpath(tree)}/") or not os.path.isfile(real):
        return ""
    with open(real, encoding="utf-8", errors="replace") as file:
        return file.read(LONGEST_TEXT)


def _work(order: Order, pack: Pack, room: Room, root: str) -> Packed:
    """Let the pack and the user's commands work on the tree."""
    home, temporary = f"{room.folder}/home", f"{room.folder}/temporary"
    environment.furnish(home, room.environ)
    os.mkdir(temporary)
    variables = environment.environment(
        room.environ, order.recipe, home=home, temporary=temporary, cache=str(room.cache), time=order.commit.time
    )
    with open(room.log, "w", encoding="utf-8", errors="replace") as log:
        bench = Bench(
            Path(room.tree, root),
            variables,
            mask=environment.masked(variables, order.recipe),
            log=log,
            show=lambda line: room.report("output", line),
        )
        for command in order.recipe.before:
            room.report("step", bench.hidden(command.split("\n")[0]))
            bench.shell(command, key="build.before")
        room.report("step", f"packing ({pack.name})")
        packed = pack.pack(
            Workshop(
                tree=bench.tree,
                cache=room.cache,
                recipe=order.recipe,
                env=bench.environment,
                run=bench,
                say=bench.say,
                whole=Path(room.tree),
            )
        )
        for command in order.recipe.commands:
            room.report("step", bench.hidden(command.split("\n")[0]))
            bench.shell(command, path=packed.path)
        for path in packed.dropped:
            shutil.rmtree(bench.tree / path, ignore_errors=True)
        if packed.proof:
            room.report("step", "trying the build in another folder")
            _prove(packed.proof, bench, room, root)
    return _below(packed, root)


def _prove(proof: Sequence[str], bench: Bench, room: Room, root: str) -> None:
    """Run the pack's proof in the tree while it has another name: what leads to its old one leads nowhere."""
    elsewhere = f"{room.folder}/elsewhere"
    os.mkdir(elsewhere)
    os.rename(room.tree, f"{elsewhere}/app")
    here = Path(elsewhere, "app", root)
    try:
        bench([str(here / proof[0]), *proof[1:]], cwd=here)
    except BuildFailed as error:
        raise BuildFailed(
            "the build works only in the folder where it was made, which no host has",
            hint="depend on what is named here without `-e`, or by a path inside the repository",
            output=error.output or error.message,
        ) from error
    finally:
        os.rename(f"{elsewhere}/app", room.tree)


def _below(packed: Packed, root: str) -> Packed:
    """What the pack says, with paths from the top of the tree."""
    if not root:
        return packed
    return replace(
        packed,
        runtimes=tuple(
            Runtime(**{**{name: getattr(each, name) for name in fields(Runtime)}, "link": f"{root}/{each.link}"})
            for each in packed.runtimes
        ),
        path=tuple(f"{root}/{folder}" for folder in packed.path),
    )
