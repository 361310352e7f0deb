"""Is there a build of this commit, and if not, how is it made and kept?

The same commit with the same recipe and tools is not made again.  What is made goes, in this order: contents to the
disk, contents into the store, the build's folder into place by one rename.  A kill leaves scratch, never half a build.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from deployer import __version__
from deployer.agent import durable
from deployer.agent.fault import point
from deployer.builds import diagnosis, scan
from deployer.builds.checkout import Node, nodes, outline, paths
from deployer.builds.making import Made, Order, Report, Room, app_root, make
from deployer.builds.packs import Matching, Pack, front_ends
from deployer.builds.packs.choose import choose
from deployer.builds.source import Commit
from deployer.builds.store import Build, BuildStore, carried
from deployer.builds.supply import Supply, cache_of
from deployer.core import canonical, wire
from deployer.core.errors import BuildFailed


def build(
    order: Order,
    store: BuildStore,
    *,
    environ: Mapping[str, str],
    at: str,
    clock: Callable[[], float] = time.monotonic,
    report: Report = lambda _kind, _text: None,
) -> Build:
    """The build of a commit: found, or made and put into the store; `at` is now, in RFC 3339."""
    began = clock()
    tree = nodes(order.source, order.commit)
    with store.workshop() as folder:
        outlined = _outline(order, tree, f"{folder}/outline")
        pack = choose(order.recipe.pack, paths(tree), order.recipe.root, outlined, starts=order.starts)
        if isinstance(pack, Matching):
            pack.hosts, pack.supply = order.hosts, Supply(store, cache_of(environ), environ, report)
        _check_root(order, pack, tree)
        inputs = dict(pack.inputs(outlined / app_root(order.recipe, pack), order.recipe))
        key = cache_key(order, pack, inputs)
        known = store.known(key, order.commit.id)
        if known and all(store.has(one) for one in carried(store.manifest(known.id))):
            return _again(known, order.commit, store)
        room = Room(folder, store.cache(pack.name), environ, report)
        try:
            made = make(order, pack, tree, room)
        except BuildFailed as failed:
            diagnosis.advise(failed, f"{room.tree}/{app_root(order.recipe, pack)}", room.log)
            _keep_log(room, failed, store.cache("logs") / f"{order.commit.id[:12]}.log")
            raise
        result = _record(order, pack, made, key=key, tools=inputs, at=at, seconds=round(clock() - began, 1))
        put_in_place(result, made, room, store)
    return result


def cache_key(order: Order, pack: Pack, inputs: Mapping[str, str]) -> str:
    """What decides a build's content, in one digest."""
    system = os.uname()
    return canonical.sha256(
        canonical.dumps(
            {
                "tree": order.commit.tree,
                "recipe": wire.encode(order.recipe),
                "settings": order.settings,
                "required": list(order.required),
                "pack": pack.name,
                "inputs": dict(inputs),
                "platform": [system.sysname, system.machine],
                "program": [__version__, _program()],
            }
        )
    )


def put_in_place(result: Build, made: Made, room: Room, store: BuildStore) -> None:
    """Put a finished build into the store, durable when this returns."""
    room.report("step", "storing the build")
    durable.sync_filesystem(room.folder)  # before an object gets its name: a name means content, even after a power cut
    with store.keeping():
        scan.adopt(room.tree, made.manifest.entries, store.objects)
        point("build.adopted")
        store.publish(result, made.manifest, room.log)
    store.remember(result)
    room.report("done", "storing the build")


def _record(
    order: Order, pack: Pack, made: Made, *, key: str, tools: Mapping[str, str], at: str, seconds: float
) -> Build:
    return Build(
        id=made.manifest.id,
        commit=order.commit.id,
        ref=order.commit.ref,
        subject=order.commit.subject,
        pack=pack.name,
        at=at,
        seconds=seconds,
        files=len(made.manifest.entries),
        bytes=made.manifest.size,
        processes={kind.name: kind.command for kind in made.launch.processes},
        tools=tools,
        key=key,
    )


def _again(known: Build, commit: Commit, store: BuildStore) -> Build:
    """The same build for this commit, told of it."""
    found = replace(known, commit=commit.id, ref=commit.ref, subject=commit.subject, cached=True)
    if known.commit != commit.id:
        store.remember(found)
    return found


def _outline(order: Order, tree: list[Node], folder: str) -> Path:
    """The small files by which a pack is chosen and its tools are found, at the top and in `build.root`."""
    root = "" if order.recipe.root == "." else order.recipe.root.strip("/")
    below = f"{root}/" if root else ""
    inside = frozenset(path.removeprefix(below) for path in paths(tree) if path.startswith(below))
    os.mkdir(folder)
    also = {below + path for path in (order.recipe.python.lock, *front_ends.deciding(inside))}
    outline(order.source, tree, folder, root=root, also=(*also, *front_ends.deciding(paths(tree))))
    os.makedirs(f"{folder}/{root}", exist_ok=True)
    return Path(folder)


def _check_root(order: Order, pack: Pack, tree: list[Node]) -> None:
    """Refuse a folder that the commit has not, and that no command of the build could make before the pack."""
    root = app_root(order.recipe, pack)
    if root and not order.recipe.before and not any(path.startswith(f"{root}/") for path in paths(tree)):
        raise BuildFailed(f"build.root: the commit has no folder {root!r}", hint="commit it, or correct `root:`")


def _program() -> str:
    """A digest of this package's code: another way of building makes another build."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return canonical.sha256(b"".join(source.read_bytes() for source in sources))


def _keep_log(room: Room, failed: BuildFailed, path: Path) -> None:
    if os.path.exists(room.log):
        os.replace(room.log, path)
        failed.details.setdefault("log", str(path))
