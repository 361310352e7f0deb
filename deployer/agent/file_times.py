"""Modification times: what a run changes is newer than what it replaces, so that no cache takes it for that.

Servers name a file's version by its size and time, in whole seconds (nginx, Express, http.server …).  So when a release
takes the place of another one, each of its files that has another content than the one at the same path gets a new
time: later than every time in the release that it replaces, and of two contents of one size never the same.  It goes
for one that comes back, too.  All other files keep theirs.  docs/explanation/modification-times.md

A time belongs to a content, for the releases share one inode (agent/objects.py); that of a content that never ran is 0.
The nanoseconds are a mark: a file that somebody has edited since has others.
"""

from __future__ import annotations

import os
import stat as stat_
import time
from typing import Collection, Iterable, Iterator, Mapping, Optional, Sequence

from deployer.agent import durable, look, stage, transfer
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.objects import MARK, SECOND
from deployer.core import requests
from deployer.core.errors import DeployError, RunFailed
from deployer.core.manifest import Entry, File, Link

NONE = -1  # the time of what is not in the release: below a path that outlives releases


def give_times(request: requests.GiveTimes, host: Host) -> requests.Times:
    """Give the files of a release that is to run the times that they need here, and tell those of all of them."""
    given(host.files, request.version)
    return requests.Times(packed(_Tree(host.files, request.version).seconds))


def settle(files: Layout, version: int, table: Sequence[int]) -> None:
    """Have the files of a release that is to run as new as they have to be, or as they are elsewhere (`table`)."""
    try:
        if table:
            applied(files, version, table)
        else:
            given(files, version)
    except OSError as error:
        message = f"{error.filename or 'a file of the release'} cannot be given its time: {error.strerror}"
        raise RunFailed(message, hint="the agent has to own the target's files; fix this and run it again") from error


def given(files: Layout, version: int) -> None:
    """Give the files of release `version` new times where it changes what is at their paths, in what serves now."""
    serving = look.current(files)
    if serving == f"v{version}":
        return
    here = _Tree(files, version)
    replaced = _entries(files, serving)
    changed = [entry for entry in here.build.entries if not _same(entry, replaced.get(entry.path))]
    if replaced:
        paths = set(here.behind(changed))
        newest = max(_newest(files, serving, replaced, {entry.path for entry in changed}), here.newest_but(paths))
    else:  # nothing served, or what did is damaged: then nothing is known of its times
        paths = {file.path for file in here.files}
        newest = here.newest_but(set()) if serving else 0
    old = [file for file in here.files if file.path in paths and 0 <= here.times.get(file.path, NONE) <= newest]
    here.write(_spread(old, max([newest, *here.seconds]) + 1))


def applied(files: Layout, version: int, table: Sequence[int]) -> None:
    """Give the files of a release the times that they have on another host."""
    here = _Tree(files, version)
    wanted = dict(zip((file.path for file in here.files), unpacked(table)))
    here.write({path: second for path, second in wanted.items() if second not in (NONE, here.times.get(path, second))})


def packed(seconds: Sequence[int]) -> list[int]:
    """Runs of equal times: how many, and which, and so on."""
    table: list[int] = []
    for second in seconds:
        if table and table[-1] == second:
            table[-2] += 1
        else:
            table += [1, second]
    return table


def unpacked(table: Sequence[int]) -> Iterable[int]:
    """The times that `packed` made runs of."""
    return (second for count, second in zip(table[::2], table[1::2]) for _ in range(count))


class _Tree:
    """The files of a release as they are on this host: their times in whole seconds, by their paths."""

    def __init__(self, files: Layout, version: int) -> None:
        self.app = f"{files.release(version)}/app"
        self.build = transfer.open_manifest(files, stage.spec(files, version).build)
        self.files = self.build.files
        self.times = {}
        for file in self.files:
            second = _second(f"{self.app}/{file.path}")
            if second is not None:
                self.times[file.path] = second

    @property
    def seconds(self) -> list[int]:
        """The time of every file, in the manifest's order."""
        return [self.times.get(file.path, NONE) for file in self.files]

    def newest_but(self, paths: Collection[str]) -> int:
        """The latest time of all files but those at `paths`."""
        return max((second for path, second in self.times.items() if path not in paths), default=0)

    def behind(self, entries: Iterable[Entry]) -> Iterator[str]:
        """The files that are seen at the paths of `entries`: themselves, or what a link leads to."""
        root = os.path.realpath(self.app)
        for entry in entries:
            if isinstance(entry, Link):
                real = os.path.realpath(f"{root}/{entry.path}") + "/"
                yield from (path for path in self.times if f"{root}/{path}/".startswith(real))
            else:
                yield entry.path

    def write(self, times: Mapping[str, int]) -> None:
        """Give these paths these times, durable when this returns."""
        for path, second in times.items():
            full = f"{self.app}/{path}"
            moment = second * SECOND + MARK if second else 0
            os.utime(full, ns=(moment, moment), follow_symlinks=False)
        if times:
            durable.sync_paths(self.app, [f"{self.app}/{path}" for path in times])


def _entries(files: Layout, serving: str) -> dict[str, Entry]:
    """What the release that serves has, by its paths; nothing where none does, or where it is damaged."""
    try:
        build = stage.spec(files, int(serving[1:])).build if serving else ""
        return {entry.path: entry for entry in transfer.open_manifest(files, build).entries} if build else {}
    except DeployError:
        return {}


def _newest(files: Layout, serving: str, entries: Mapping[str, Entry], changed: Collection[str]) -> int:
    """The latest time of what the release that serves has at `changed` paths, or at paths that are not there any more.

    All its other files are the new release's, too.
    """
    app, kept = f"{files.releases}/{serving}/app", set(entries) - set(changed)
    return max((_second(f"{app}/{path}") or 0 for path in entries if path not in kept), default=0)


def _second(path: str) -> Optional[int]:
    """The time of a file, in whole seconds; None for what is no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns // SECOND if stat_.S_ISREG(status.st_mode) else None


def _same(entry: Entry, other: Optional[Entry]) -> bool:
    if isinstance(entry, File):
        return isinstance(other, File) and (entry.sha256, entry.executable) == (other.sha256, other.executable)
    return entry == other


def _spread(files: Iterable[File], least: int) -> dict[str, int]:
    """A time for each of `files`, from `least` on: now, or some seconds before where another content has its size."""
    ranks: dict[tuple[str, bool], int] = {}
    of_size: dict[int, int] = {}
    found = {}
    for file in files:
        content = (file.sha256, file.executable)
        if content not in ranks:
            ranks[content] = of_size[file.size] = of_size.get(file.size, -1) + 1
        found[file.path] = ranks[content]
    latest = max(int(time.time()), least + max(found.values(), default=0))
    return {path: latest - rank for path, rank in found.items()}
