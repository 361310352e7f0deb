"""How long does a release of a build that exists take, until its directory is complete?  Beside `cp -al`."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.clock import Taken, alternating, cpus, ratios, timed, walls
from benchmarks.operators import PORT, TINY, deploying, operator
from benchmarks.results import COUNT, TIMES, Line
from deployer.core import wire
from deployer.core.secret import Secret
from deployer.hosts.session import Session
from deployer.stages import config
from deployer.stages.events import silent
from deployer.stages.operator import operator as caller
from deployer.stages.project import project
from deployer.stages.target import Target, opened
from tests.apps.tiny import tiny_app
from tests.e2e.deployed import Deployed

FILES = 5000


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """Release after release of the same build, each beside a copy of it by hard links."""
    app = tiny_app(folder / "app")
    app.settings(TINY.format(port=PORT))
    app.fill(FILES)
    one = operator(app.folder, folder / "home", "tiny")
    for command in ("build", "release"):
        one.deploy(command)
    copies = folder / "copies"
    copies.mkdir()
    staging: list[float] = []
    complete: list[float] = []
    subjects = {
        "cp": lambda: copied(one.root / "releases" / "v1", copies),
        "release": lambda: released(one, complete),
        "staging": lambda: staged(one, staging),
    }
    taken = alternating(rounds or 9, subjects)
    cp, work = walls(taken["cp"]), ratios(cpus(taken["release"]), cpus(taken["cp"]))
    return [
        Line(f"`cp -al` of the release, {FILES} files", cp),
        Line("staging by the agent: from the request to its reply", staging),
        Line("staging by the agent : `cp -al`", ratios(staging, cp), TIMES, 1.5),
        Line("`deploy release`, from its start until the directory is complete", complete),
        Line("`deploy release` until complete : `cp -al`", ratios(complete, cp), TIMES, 1.5),
        Line("`deploy release`, whole command", walls(taken["release"])),
        Line("CPU time of the whole command : that of `cp -al`", work, TIMES),
        *of_config_alone(one),
    ]


def copied(release: Path, copies: Path) -> Taken:
    """`cp -al` of a release."""
    return timed(["cp", "-al", str(release), str(copies / f"{len(os.listdir(copies))}")])


def released(one: Deployed, complete: list[float]) -> Taken:
    """`deploy release`; what its directory's rename tells of the time until it was complete goes to `complete`."""
    before = set(os.listdir(one.root / "releases"))
    taken = deploying(one, "release", "--quiet")()
    (new,) = set(os.listdir(one.root / "releases")) - before
    complete.append(os.stat(one.root / "releases" / new).st_ctime - taken.begun)
    return taken


def staged(one: Deployed, staging: list[float]) -> Taken:
    """A release of another config by an operator within this process; the seconds of its `Stage` go to `staging`."""
    begun, clock = time.time(), time.monotonic()
    with opened_here(one) as target, watched(target.primary) as seen:
        config.change(target, store={"ROUND": Secret(str(begun))})
    staging.append(seen.seconds["Stage"])
    return Taken(begun, time.monotonic() - clock, 0)


def of_config_alone(one: Deployed) -> list[Line]:
    """What a release with another config sends, and which files it does not share with the release before it."""
    with opened_here(one) as target, watched(target.primary) as seen:
        newest = target.ledger.newest
        changed = config.change(target, store={"ONLY": Secret("config")})
    assert changed.released is not None
    before, after = (inodes(one.root / "releases" / f"v{v}" / "app") for v in (newest, changed.released.release))
    sent = sum(seen.seconds.get(name, 0) > 0 for name in ("OfferBuild", "PutBuild"))
    return [
        Line("config alone: requests that carry objects or a manifest", [sent], COUNT, 0),
        Line("config alone: stream frames sent", [seen.chunks], COUNT, 0),
        Line("config alone: bytes sent in all", [seen.bytes], COUNT),
        Line(f"config alone: files that are copies, of {len(after)}", [len(after.items() - before.items())], COUNT, 0),
    ]


@dataclass
class Seen:
    """What went over a session: seconds by request, the frames of streams, all bytes."""

    seconds: dict[str, float] = field(default_factory=dict)
    chunks: int = 0
    bytes: int = 0


@contextmanager
def watched(session: Session) -> Iterator[Seen]:
    """Count what the session sends, and how long it waits for each reply."""
    seen, call, send = Seen(), session.call, session.send

    def counted(kind: bytes, payload: bytes = b"") -> None:
        seen.chunks += kind == wire.CHUNK
        seen.bytes += len(wire.frame(kind, payload))
        send(kind, payload)

    def clocked(request: Any, answer: Any, **more: Any) -> Any:
        begun = time.monotonic()
        try:
            return call(request, answer, **more)
        finally:
            seen.seconds[type(request).__name__] = time.monotonic() - begun

    session.send, session.call = counted, clocked  # type: ignore[method-assign]
    yield seen


@contextmanager
def opened_here(one: Deployed) -> Iterator[Target]:
    """The target, open for writing, by an operator within this process."""
    now = "2026-01-01T00:00:00Z"
    here = caller(one.environ, who="benchmark", now=lambda: now, token=lambda: "")
    with opened(project(one.folder, here), "local", command="benchmark", write=True, report=silent) as target:
        yield target


def inodes(folder: Path) -> dict[str, int]:
    """The inode of every file below `folder`."""
    return {
        os.path.relpath(os.path.join(place, name), folder): os.lstat(os.path.join(place, name)).st_ino
        for place, _, names in os.walk(folder)
        for name in names
    }
