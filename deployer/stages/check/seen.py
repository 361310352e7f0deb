"""What does one process of a type do in its life?  Launched, watched while it is up, and told to stop."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deployer.agent import sockets
from deployer.core.health import TCP
from deployer.core.manifest import ProcessType
from deployer.stages.check import connections, tree, under_way
from deployer.stages.check.bench import Bench, Life, Start, ending
from deployer.stages.check.scene import Scene
from deployer.stages.check.under_way import Cut

FOR_PID_FILES = ("/run", "/var/run", "/var/tmp")  # noqa: S108 - where pid files lie; nothing is written there
TELLING, AGAIN = 0.1, 2  # an answer of so many seconds tells enough, of a quicker one there are more trials
LONGER = 2.0  # seconds that what has left the group may take after the others' end


@dataclass
class Seen:
    """What was seen of a process's life; it is filled in as the life goes on.

    `outcome` is how a type that ends by itself ended; `address` where it answers at its port, '' where it does not.
    `stopped` are the seconds from its stop_signal to its end, None where it had to be killed; `cut` says what became of
    the requests, None where it speaks no HTTP; `again` is a path that is answered so quickly that one trial tells
    little.  `left` are processes that went on without it.
    """

    start: Start
    port: int
    outcome: int | None = None
    address: str = ""
    others: list[tuple[str, int]] = field(default_factory=list)
    stopped: float | None = None
    cut: Cut | None = None
    again: str = ""
    lines: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    pid_files: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def went_off(self) -> bool:
        """Whether its main process ended while others of it went on."""
        return not self.start.ready and bool(self.left)


def live(scene: Scene, kind: ProcessType) -> Seen:
    """Let a process of this type live once."""
    process = scene.bench.process(kind)
    with _watching(scene) as touched, scene.bench.life(process) as life:
        if kind.schedule:
            seen = _run(scene.bench, life, kind)
        else:
            seen = Seen(scene.bench.await_ready(life, kind, settle=True), process.port)
            _look(scene, life, seen)
            if seen.start.ready:
                _stop(scene, life, kind, seen)
        seen.lines = [scene.bench.hidden(line) for line in life.lines()]
        seen.left = _left(scene.bench, life, seen)
    for _ in range(AGAIN if seen.again else 0):
        if seen.cut and not seen.cut.broken:
            seen.cut += _cut_again(scene, kind, seen)
    seen.changed = touched.in_release
    seen.pid_files += touched.pid_files
    seen.logs = list(dict.fromkeys([*seen.logs, *touched.logs]))
    seen.refused = tree.refusals(seen.lines, scene.app())
    return seen


@dataclass
class _Touched:
    in_release: list[str] = field(default_factory=list)
    pid_files: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)


@contextlib.contextmanager
def _watching(scene: Scene) -> Iterator[_Touched]:
    """What is written below the release and `shared` meanwhile."""
    places = {"": scene.app(), "shared/": scene.root / "shared"}
    before = {name: tree.snapshot(place) for name, place in places.items()}
    touched = _Touched()
    yield touched
    for name, place in places.items():
        changed = [f"{name}{path}" for path in tree.changes(before[name], tree.snapshot(place))]
        touched.pid_files += [path for path in changed if path.endswith(".pid")]
        touched.logs += tree.logs(changed)
        if not name:
            touched.in_release = changed


def _run(bench: Bench, life: Life, kind: ProcessType) -> Seen:
    """A type with a schedule runs once, to its end."""
    begun = time.monotonic()
    seconds = bench.await_end(life, begun, kind.boot_timeout)
    if seconds is None:
        return Seen(Start(kind.boot_timeout), life.process.port)
    code = life.ended
    return Seen(Start(seconds, ending(code) if code else ""), life.process.port, outcome=code)


def _look(scene: Scene, life: Life, seen: Seen) -> None:
    """What can be seen of a process that is up, or was."""
    pids = [*life.group, *(one.pid for one in scene.bench.strays(life))]
    listener = sockets.listening(life.pid, seen.port)
    seen.address = listener.reachable if listener else ""
    seen.others = [(address, port) for address, port in connections.listening(pids) if port != seen.port]
    seen.logs = tree.open_logs(pids)
    folders = dict.fromkeys(os.path.realpath(folder) for folder in (tempfile.gettempdir(), *FOR_PID_FILES))
    seen.pid_files = tree.pid_files([Path(folder) for folder in folders], pids)


def _stop(scene: Scene, life: Life, kind: ProcessType, seen: Seen) -> None:
    patience = kind.stop_timeout
    path, took = "", 0.0
    if seen.address:
        path, took = under_way.slowest(seen.address, seen.port, _paths(scene, kind), patience)
    if not path:
        seen.stopped = scene.bench.stop(life, patience)
        return
    seen.cut, sent = under_way.stop(life, seen.address, path, kind)
    seen.stopped = scene.bench.await_end(life, sent, patience)
    seen.again = path if took < TELLING and seen.stopped is not None else ""


def _cut_again(scene: Scene, kind: ProcessType, seen: Seen) -> Cut:
    """What becomes of the requests of another life: a quick answer may get out just before the end."""
    with scene.bench.life(scene.bench.process(kind)) as life:
        if not scene.bench.await_ready(life, kind).ready:
            return Cut(0, [])
        cut, sent = under_way.stop(life, seen.address, seen.again, kind)
        scene.bench.await_end(life, sent, kind.stop_timeout)
        return cut


def _paths(scene: Scene, kind: ProcessType) -> list[str]:
    """What may be asked for while it stops; nothing of what is healthy in another way than by HTTP."""
    if scene.slow:
        return [scene.slow]
    if (kind.health and not kind.health.startswith("/")) or kind.expose == TCP:
        return []
    return list(dict.fromkeys([kind.health or "/", "/"]))


def _left(bench: Bench, life: Life, seen: Seen) -> list[str]:
    """What goes on without the main process: outside its group, or anywhere if it was never ready."""
    if life.ended is None:
        return []
    deadline = time.monotonic() + LONGER
    while True:
        left = bench.strays(life) if seen.start.ready else bench.members(life)
        if not left or time.monotonic() > deadline:
            return [f"{one.name} ({one.pid})" for one in left]
        time.sleep(0.05)
