"""Where is a build tried out?  Released twice into a scratch directory, the second time for another user."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import pwd
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployer.agent import durable, leftovers
from deployer.agent.started import Started
from deployer.builds.store import Build
from deployer.core.manifest import Launch
from deployer.core.secret import Secret
from deployer.settings import LOCAL, TargetSettings
from deployer.stages import release as release_stage
from deployer.stages.check.bench import Bench
from deployer.stages.events import Report, step
from deployer.stages.project import Project
from deployer.stages.target import Target, opened

PREFIX, HELD = "deploy-check-", "held"
NOBODY = "nobody"
FIRST, OTHERS = 1, 2  # the releases: for this user, for another one
ENDING = 5.0


@dataclass(frozen=True)
class Scene:
    """A release of the build, staged and ready to be launched.

    `user` is whom release v2 runs as; where there is none `alone` says why.  `slow` is the path that is asked for while
    a process stops, '' for its health path.
    """

    bench: Bench
    report: Report
    environ: Mapping[str, str]
    slow: str
    user: str
    alone: str

    @property
    def root(self) -> Path:
        """The scratch directory: a target's root like any other."""
        return self.bench.root

    def app(self, release: int = FIRST) -> Path:
        """The app's tree in a release."""
        return self.root / "releases" / f"v{release}" / "app"


@contextlib.contextmanager
def scratch(base: Path, report: Report) -> Iterator[Path]:
    """A directory of our own below `base` that goes afterwards, and with it every process that was launched in it.

    What a killed audit left behind goes first.  Others may look into it, since another user is to run from it.
    """
    sweep(base)
    root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base)).resolve()
    held = os.open(root / HELD, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        root.chmod(0o755)
        yield root
    finally:
        with step(report, "removing the scratch directory", ""):
            _remove(root)
        os.close(held)


def sweep(base: Path) -> None:
    """Remove what audits left here that nobody holds any more."""
    for place in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, not complete yet, or gone meanwhile
            if place.is_symlink() or place.lstat().st_uid != os.geteuid():
                continue
            held = os.open(place / HELD, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(place.resolve())
            finally:
                os.close(held)


def _remove(root: Path) -> None:
    """End what runs in it, whoever started it, and remove it."""
    mark = [f"DEPLOY_ROOT={root}"]
    nobody = Started(pid=0, ticks=0, boot="", at=0, starts=0, port=0, stop_timeout=0, marks=mark)
    deadline = time.monotonic() + ENDING
    while leftovers.signal(nobody, leftovers.KILL) and time.monotonic() < deadline:
        time.sleep(0.02)
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            durable.remove_tree(str(path))
        elif path.name != HELD:
            path.unlink()
    durable.remove_tree(str(root))  # with the file that is held: what a kill leaves of it can still be swept


@contextlib.contextmanager
def played(project: Project, settings: TargetSettings, report: Report) -> Iterator[Target]:
    """The target whose root is `settings.path`, open to be released to."""
    plain = replace(project.settings, targets={LOCAL: settings})
    with opened(replace(project, settings=plain), LOCAL, command="deploy check", write=True, report=report) as target:
        yield target


def stage(target: Target, build: Build, variables: Mapping[str, Secret], *, user: str = "") -> None:
    """Release the build once more, its processes to be those of `user`."""
    one = replace(target, settings=replace(target.settings, run_as=user))
    release_stage.release(one, build.id, build.commit, variables=release_stage.Variables(variables, ()))


def here(settings: TargetSettings, root: Path) -> TargetSettings:
    """The target as this machine plays it: its formation and its paths, but no hosts and no user."""
    return TargetSettings(
        LOCAL,
        path=str(root),
        formation=settings.formation,
        shared=settings.shared,
        manager="",
        router=settings.router,  # none is asked, but processes behind one are told where to bind
        release_timeout=settings.release_timeout,
    )


def known(user: str) -> str:
    """`user`, or '' where this machine has no such user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return ""
    return user


def other_user(root: Path, launch: Launch, user: str) -> str:
    """Why the build cannot be tried as `user`, or ''."""
    if os.geteuid() != 0:
        return f"only root can try it: run it with sudo (this is {getpass.getuser()})"
    app, entry = root / "releases" / f"v{FIRST}" / "app", pwd.getpwnam(user)
    as_user: dict[str, Any] = {"user": user, "group": entry.pw_gid, "extra_groups": []}
    for path in (app, *(app / runtime.link for runtime in launch.runtimes)):
        real = os.path.realpath(path)
        if subprocess.run(["test", "-x", real], cwd="/", check=False, **as_user).returncode:
            return f"{user} cannot reach {real} on this machine"
    return ""


def give(folder: Path, user: str) -> None:
    """Let `user` own what is in the folder: as on a host, where paths that outlive releases are the processes'."""
    entry = pwd.getpwnam(user)
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(f"{place}/{name}", entry.pw_uid, entry.pw_gid, follow_symlinks=False)
