"""What does a process type do in its further lives: two at a time, as another user, after a kill -9?"""

from __future__ import annotations

import signal
from collections.abc import Callable

from deployer.core.manifest import ProcessType
from deployer.core.strategy import STOP_FIRST
from deployer.stages.check import tree
from deployer.stages.check.bench import Bench, Life
from deployer.stages.check.row import Row, failed, passed, skipped
from deployer.stages.check.scene import OTHERS, Scene, give


def two(scene: Scene, kind: ProcessType, patience: float) -> Row:
    """Do two of it run side by side?"""
    if kind.update == STOP_FIRST or kind.once:
        return skipped("two", kind.name, "deploy.yaml says that two of it must never run")
    bench = scene.bench
    one, other = (bench.process(kind, number) for number in (1, 2))
    with bench.life(one, patience=patience) as first, bench.life(other, patience=patience) as second:
        for life in (first, second):
            came_up = bench.await_ready(life, kind)
            if not came_up.ready:
                advice = "share nothing on this machine: no fixed port, no lock, no file of one name; PORT differs"
                found = f"the {'first' if life is first else 'second'} {came_up.failure}{_last(bench, life)}"
                return failed("two", kind.name, found, advice)
        if first.ended is not None:
            return failed("two", kind.name, "the second one ended the first", "leave other processes alone")
    return passed("two", kind.name, "two are up at the same time")


def user(scene: Scene, kind: ProcessType, patience: float) -> Row:
    """Does it run from a release that belongs to another user?"""
    if not scene.user:
        return skipped("user", kind.name, scene.alone)
    give(scene.root / "shared", scene.user)
    process = scene.bench.process(kind, release=OTHERS)
    with scene.bench.life(process, patience=patience) as life:
        came_up = scene.bench.await_ready(life, kind)
        if came_up.ready:
            found = f"ready as {scene.user}, who cannot write in the release"
            return passed("user", kind.name, found, came_up.seconds)
        refused = tree.refusals(life.lines(), scene.app(OTHERS))
        said = f": {scene.bench.hidden(refused[-1].strip())}" if refused else _last(scene.bench, life)
    advice = f"it must need no right but to read its release; what it writes elsewhere must be {scene.user}'s"
    return failed("user", kind.name, f"as {scene.user} it {came_up.failure}{said}", advice, came_up.seconds)


def crash(scene: Scene, kind: ProcessType, patience: float) -> Row:
    """Does it come back after it was killed?"""
    bench = scene.bench
    process = bench.process(kind)
    life = bench.launch(process)
    try:
        before = bench.await_ready(life, kind)
        life.launched.send_signal(signal.SIGKILL)
    finally:
        bench.end(life, forget=False)
    if not before.ready:
        return failed("crash", kind.name, f"its next life {before.failure}", "leave nothing that a start trips over")
    with bench.life(process, patience=patience) as again:
        after = bench.await_ready(again, kind)
        if after.ready:
            return passed("crash", kind.name, f"ready again in {after.seconds:.1f} s", after.seconds)
        found = f"after kill -9 it {after.failure}{_last(bench, again)}"
    advice = "leave nothing that the next start trips over: locks are flock(2)s, sockets and files are made anew"
    return failed("crash", kind.name, found, advice)


def _last(bench: Bench, life: Life) -> str:
    last = next((line.strip() for line in reversed(life.lines()) if line.strip()), "")
    return f": {bench.hidden(last)}" if last else ""


FURTHER: tuple[Callable[[Scene, ProcessType, float], Row], ...] = (two, user, crash)
