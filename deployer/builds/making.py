"""How does a commit's tree become what a build consists of?

A clean checkout, the pack, then the user's `build.commands`; what lies there afterwards is the build.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.agent.fault import point
from deployer.builds import environment, scan
from deployer.builds.checkout import Node, checkout
from deployer.builds.packs import Pack, Packed, Workshop
from deployer.builds.source import Commit, Source
from deployer.builds.workshop import Bench
from deployer.core import procfile, wire
from deployer.core.errors import BuildFailed
from deployer.core.manifest import BadManifest, Launch, Manifest, ProcessType, manifest
from deployer.core.recipe import Recipe

PROCFILE = "Procfile"

Report = Callable[[str, str], None]  # an event's kind (`step`, `done`, `output`, `warning`) and text
Settle = Callable[[Mapping[str, str] | None, Mapping[str, str]], tuple[tuple[ProcessType, ...], str, str]]


@dataclass(frozen=True)
class Order:
    """What is to be built: a commit by a recipe.

    `settle` makes process types, release command and console of the Procfile (None: there is none) and the pack's
    conventions; `settings` is whatever else it depends on, for the cache's key; `required` are the variables that a
    release must have.
    """

    source: Source
    commit: Commit
    recipe: Recipe
    settle: Settle
    required: tuple[str, ...] = ()
    settings: str = ""


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
    declared = _procfile(f"{room.tree}/{PROCFILE}")
    point("build.checked-out")
    packed = _work(order, pack, room)
    point("build.packed")
    processes, release_command, console = order.settle(declared, packed.processes)
    launch = Launch(
        pack=pack.name,
        processes=processes,
        release_command=release_command,
        console=console or packed.console,
        required=order.required,
        runtimes=packed.runtimes,
        path=packed.path,
        env=dict(packed.env),
    )
    room.report("step", "reading the result")
    entries = scan.scan(room.tree, exclude=order.recipe.exclude, links=[each.link for each in packed.runtimes])
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


def _work(order: Order, pack: Pack, room: Room) -> Packed:
    """Let the pack and the user's commands work on the tree."""
    home, temporary = f"{room.folder}/home", f"{room.folder}/temporary"
    environment.furnish(home, room.environ)
    os.mkdir(temporary)
    variables = environment.environment(
        room.environ, order.recipe, home=home, temporary=temporary, cache=str(room.cache), time=order.commit.time
    )
    with open(room.log, "w", encoding="utf-8", errors="replace") as log:
        bench = Bench(
            Path(room.tree),
            variables,
            mask=environment.masked(variables, order.recipe),
            log=log,
            show=lambda line: room.report("output", line),
        )
        room.report("step", f"packing ({pack.name})")
        packed = pack.pack(
            Workshop(
                tree=bench.tree,
                cache=room.cache,
                recipe=order.recipe,
                env=bench.environment,
                run=bench,
                say=bench.say,
            )
        )
        for command in order.recipe.commands:
            room.report("step", bench.hidden(command.split("\n")[0]))
            bench.shell(command, path=packed.path)
    for path in packed.dropped:
        shutil.rmtree(f"{room.tree}/{path}", ignore_errors=True)
    return packed
