"""The logs of processes, as a stream: each frame names its process, and the time of its line where that is known.

Who follows the target follows it to what is switched next: its processes join as soon as the switch begins, and those
that are gone are let go.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Callable, Optional, Sequence

from deployer.agent import ledger, pending, rehearsal
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.managers import ProcessManager
from deployer.core import requests, wire
from deployer.core.errors import NotFound
from deployer.core.formation import Places, Process, expand, selected
from deployer.core.names import process_name
from deployer.core.oneoffs import KIND

PAUSE = 0.1
JOINING, FIRST = 1.0, 1000  # seconds since which, and lines that, are told of what joins: it began a moment ago
ENDED = 1.0  # seconds in which the last lines come of what has ended
LINGER = 5.0  # seconds that a process that is gone is still listened to
Name = tuple[int, str, int]


def logs(request: requests.Logs, host: Host) -> requests.Done:
    """Send the last lines of the chosen processes, and with `follow` all that come until the operator cancels."""
    chosen = _chosen(request, host)
    if request.follow:
        _Following(request, host).run(chosen)
        return requests.Done()
    for process in chosen:
        for at, line in _keeping(host, process).entries(process, request.lines):
            _emit(host, process, at, line + b"\n")
    return requests.Done()


def _keeping(host: Host, process: Process) -> ProcessManager:
    """Who has what it wrote: the manager, or for a one-off that was begun before systemd served here, its log."""
    if process.type != KIND or not host.manager.dated:
        return host.manager
    from deployer.agent import oneoffs, supervisor  # noqa: PLC0415 - few have any

    one = oneoffs.read(host.files, process.number)
    return supervisor.Supervisor(host.files) if one is not None and not one.unit else host.manager


def _emit(host: Host, process: Process, at: float, text: bytes) -> None:
    """Send what `process` wrote at `at` (seconds of the epoch; 0 where nobody knows)."""
    moment = f"{at:.6f}" if at else ""
    host.session.send(wire.STDOUT, f"{process.name}\0{moment}\0".encode() + text)


class _Following:
    """What is followed now.  Each set of processes has a thread: one that joins disturbs no other."""

    def __init__(self, request: requests.Logs, host: Host) -> None:
        self._request, self._host = request, host
        self._wanted: set[Name] = set()
        self._followed: set[Name] = set()
        self._over = threading.Event()
        self._failed: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def run(self, chosen: Sequence[Process]) -> None:
        """Follow `chosen`, and what comes after them, until the operator cancels."""
        session, seen, ends = self._host.session, _signs(self._host), _Ends(self._host.files, chosen)
        self._join(chosen, self._request.lines, since=0)
        try:
            while not session.cancelled.is_set() and not self._failed and not ends.come():
                session.check()
                time.sleep(PAUSE)
                before, seen = seen, _signs(self._host)
                if seen != before and self._request.version is None:
                    chosen = _chosen_or_none(self._request, self._host)
                self._join(chosen, FIRST if self._host.manager.dated else 0, since=time.time() - JOINING)
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()
        if self._failed:
            raise self._failed[0]

    def _join(self, chosen: Sequence[Process], lines: int, since: float) -> None:
        """Follow those of `chosen` that are new, from their last `lines` lines on, without what is older than `since`.

        A log that is not dated may hold what the same process wrote when its release served before: of that, nothing.
        """
        self._wanted = {_name(process) for process in chosen}
        new = [process for process in chosen if _name(process) not in self._followed]
        self._followed |= {_name(process) for process in new}
        managers = [_keeping(self._host, process) for process in new]
        for manager in {id(manager): manager for manager in managers}.values():
            its = [process for process, other in zip(new, managers) if other is manager]
            self._threads.append(threading.Thread(target=self._follow, args=(manager, its, lines, since), daemon=True))
            self._threads[-1].start()

    def _follow(self, manager: ProcessManager, processes: Sequence[Process], lines: int, since: float) -> None:
        names = {_name(process) for process in processes}

        def emit(process: Process, at: float, text: bytes) -> None:
            if not at or at >= since:
                _emit(self._host, process, at, text)

        try:
            manager.follow(processes, lines, emit, self._leaver(names))
        except BaseException as error:  # noqa: BLE001 - raised again where the request is answered
            self._failed.append(error)
        self._followed -= names

    def _leaver(self, names: set[Name]) -> Callable[[], bool]:
        """Whether these need not be followed any more."""
        gone: list[float] = []

        def over() -> bool:
            if names & self._wanted:
                gone.clear()
            elif not gone:
                gone.append(time.monotonic())
            return self._over.is_set() or bool(gone and time.monotonic() - gone[0] > LINGER)

        return over


class _Ends:
    """Whether all that is followed has ended for good, as one-off processes do, and its last lines have come."""

    def __init__(self, files: Layout, chosen: Sequence[Process]) -> None:
        self._files, self._since = files, 0.0
        self._numbers = [process.number for process in chosen if process.type == KIND]
        self._never = len(self._numbers) < len(chosen)

    def come(self) -> bool:
        """Whether it is so now."""
        if self._never:
            return False
        from deployer.agent import oneoffs  # noqa: PLC0415 - few have any

        if not self._since and all(oneoffs.ended(self._files, number) is not None for number in self._numbers):
            self._since = time.monotonic()
        return bool(self._since) and time.monotonic() - self._since > ENDED


def _name(process: Process) -> Name:
    return process.release, process.type, process.number


def _signs(host: Host) -> tuple[Optional[int], Optional[int]]:
    """What differs when another record or another switch is there."""
    return _changed(f"{host.files.ledger}"), _changed(f"{host.files.run}/pending")


def _changed(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None


def _chosen_or_none(request: requests.Logs, host: Host) -> list[Process]:
    try:
        return _chosen(request, host)
    except NotFound:  # scaled away
        return []


def _chosen(request: requests.Logs, host: Host) -> list[Process]:
    versions, everything = _known(request, host)
    if not request.processes:
        return everything
    chosen: list[Process] = []
    for text in request.processes:
        named = process_name(text)
        if named is None:
            raise NotFound(f"{text!r} is no process", hint="say `web` or `web.1`")
        if named[1] == rehearsal.NUMBER:
            everything += [Process(version, named[0], rehearsal.NUMBER, 0) for version in versions]
        found = _oneoffs(host.files, *named) or selected(everything, *named)
        chosen += [process for process in found if process not in chosen]
    return chosen


def _oneoffs(files: Layout, kind: str, number: Optional[int]) -> list[Process]:
    """The one-off processes that go on by themselves, or have, which `run` or `run.3` names."""
    if kind != KIND:
        return []
    from deployer.agent import oneoffs  # noqa: PLC0415 - few have any

    return [one.process for one in oneoffs.begun(files) if number in (None, one.number)]


def _of_all(places: Places) -> Places:
    """These, and those of what runs at its times: that has a log too."""
    return Places(places.ports, places.turns, places.sockets)


def _known(request: requests.Logs, host: Host) -> tuple[list[int], list[Process]]:
    """The release that was asked for, else the current one and one that is being switched to; their processes."""
    ledger_, here = ledger.read(host.files), pending.name(host.files)
    run = ledger_.run_of(here)
    version = request.version or (run.release if run else ledger_.newest)
    if version is None:
        raise NotFound("there is no release yet, so there are no logs", hint="`deploy ship` makes and runs one")
    counts = next((r.on(here) for r in reversed(ledger_.runs) if r.release == version and r.covers(here)), {})
    found = expand(version, counts, _of_all(pending.places(host.files)))
    waiting = pending.read(host.files) if request.version is None else None
    if waiting is None:
        return [version], found
    names = {_name(process) for process in found}
    after = waiting.after.processes(_of_all(waiting.places))
    coming = [process for process in after if _name(process) not in names]
    return sorted({version, waiting.after.version}), found + coming
