"""Which one-off processes go on by themselves here, and how did each end?  `run/oneoffs/3` tells of `run.3`.

A number is taken by making its folder, and never given again: the newest folder outlives every prune.  systemd keeps
such a process alive as a transient unit, and else a keeper of ours (agent/keep.py), which holds the lock in the folder
for as long as it lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import time
from typing import Any, Optional

from deployer.agent import durable, endings, events, procfs, unit_files
from deployer.agent.layout import Layout
from deployer.agent.systemctl import Systemctl
from deployer.core import wire
from deployer.core.formation import Process
from deployer.core.message import message
from deployer.core.names import release_name
from deployer.core.oneoffs import KIND
from deployer.core.signals import signal_name

FOLDER, WANTED, STARTED, ENDED, LOCK = "run/oneoffs", "wanted.json", "started.json", "ended.json", "lock"
CUT_OFF = "was cut off, and nobody saw how"
KEPT = 100  # that have ended, whatever became of their releases
YOUNG = 60.0  # seconds in which one may be noted already and not run yet
DEAD = ("inactive", "failed")


class Named(Process):
    """A one-off process for the managers and their logs: its number is never counted on from another one's."""

    @property
    def name(self) -> str:
        """`run.3`."""
        return f"{KIND}.{self.number}"


@message
class OneOff:
    """A one-off process that was begun: with the limits of `type` ('': none), by a unit of systemd or by a keeper."""

    number: int
    release: int
    argv: list[str]
    type: str
    stop_timeout: float
    unit: bool
    at: float
    by: str
    stop_signal: str = "TERM"

    @property
    def name(self) -> str:
        """`run.3`."""
        return f"{KIND}.{self.number}"

    @property
    def process(self) -> Named:
        """What the process managers' logs call it."""
        return Named(self.release, KIND, self.number, 0)


def folder(files: Layout, number: int) -> str:
    """Where all that is known of it stands."""
    return f"{files.root}/{FOLDER}/{number}"


def reserve(files: Layout, least: int) -> int:
    """Take the next number, at least `least`."""
    durable.make_directory(f"{files.root}/{FOLDER}", mode=0o700)
    number = max([0, least - 1, *_numbers(files)])
    while True:
        number += 1
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder(files, number), 0o700)
            durable.sync_directory(f"{files.root}/{FOLDER}")
            return number


def begin(files: Layout, one: OneOff) -> None:
    """From here on it is to be."""
    durable.write(f"{folder(files, one.number)}/{WANTED}", wire.dump(wire.encode(one)), mode=0o600, name="oneoff")


def read(files: Layout, number: int) -> Optional[OneOff]:
    """The one-off process with this number; None where it was never begun here."""
    try:
        with open(f"{folder(files, number)}/{WANTED}", "rb") as file:
            return wire.decode(OneOff, json.load(file))
    except (FileNotFoundError, ValueError):
        return None


def begun(files: Layout) -> list[OneOff]:
    """All that were begun and are still known, oldest first."""
    found = (read(files, number) for number in _numbers(files))
    return [one for one in found if one is not None]


def ended(files: Layout, number: int) -> Optional[str]:
    """How it ended (`exited with code 0 after 12.0 s`); None where nobody has noted an end."""
    try:
        with open(f"{folder(files, number)}/{ENDED}", encoding="utf-8") as file:
            return str(json.load(file)["how"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def end(files: Layout, one: OneOff, how: str) -> None:
    """Note how it ended, for good and among the host's events; the first word counts."""
    try:
        durable.publish(f"{folder(files, one.number)}/{ENDED}", wire.dump({"how": how}), name="oneoff.ended")
    except FileExistsError:
        return
    events.note(files, "ended", release=one.release, text=f"{one.name}: {how}")


def sentence(one: OneOff, code: str, status: str, result: str = "") -> str:
    """How it ended, of systemd's words: `exited`, `3`; `killed`, `TERM`."""
    return endings.sentence(result, code, status, time.time() - one.at) or CUT_OFF


def words(returncode: int) -> tuple[str, str]:
    """Systemd's words for what a parent hears of its child."""
    return ("killed", signal_name(-returncode)) if returncode < 0 else ("exited", str(returncode))


def living(files: Layout) -> list[tuple[OneOff, int]]:
    """Those that go on, each with its process id (0 where it is only just beginning), oldest first."""
    open_ones = _open(files)
    units = _units(files) if any(one.unit for one in open_ones) else {}
    found = []
    for one in open_ones:
        pid = units.get(unit_files.unit_name(files, one.process)) if one.unit else _kept(files, one)
        if pid is not None:
            found.append((one, pid))
    return found


def sweep(files: Layout) -> list[OneOff]:
    """Those that have not ended, once the end of those is noted that ended without a word.

    The host lost its power then, or a keeper was killed.
    """
    alive = {one.number for one, _ in living(files)}
    for one in _open(files):
        if one.number not in alive and time.time() - one.at > YOUNG:
            end(files, one, CUT_OFF)
    return _open(files)


def tidy(files: Layout) -> None:
    """Forget all but the newest of those that have ended, and the numbers that were never used."""
    left = {one.number for one in _open(files)}
    for number in _numbers(files)[:-KEPT]:
        if number not in left:
            _forget(files, number)


def forget(files: Layout, release: int) -> None:
    """Forget those that ran from a release that is pruned; the newest number stays taken."""
    for one in begun(files):
        if one.release == release and one.number != _numbers(files)[-1]:
            _forget(files, one.number)


def log(files: Layout, one: OneOff) -> str:
    """Where its keeper writes what it says."""
    return f"{files.log}/v{one.release}-{one.name}.log"


def _open(files: Layout) -> list[OneOff]:
    """Those whose end nobody has noted."""
    ids = [number for number in _numbers(files) if not os.path.exists(f"{folder(files, number)}/{ENDED}")]
    found = (read(files, number) for number in ids)
    return [one for one in found if one is not None]


def _forget(files: Layout, number: int) -> None:
    one = read(files, number)
    for path in glob.glob(f"{glob.escape(log(files, one))}*") if one else ():
        durable.remove(path, name="oneoff.log")
    durable.remove(folder(files, number), name="oneoff.forget")


def started(files: Layout, number: int) -> dict[str, Any]:
    """What its keeper wrote about the process: `pid`, `ticks`, `boot`; {} before that."""
    try:
        with open(f"{folder(files, number)}/{STARTED}", encoding="utf-8") as file:
            return dict(json.load(file))
    except (FileNotFoundError, ValueError):
        return {}


def marks(files: Layout, one: OneOff) -> list[str]:
    """By what its processes are known, wherever they went."""
    known = {"ROOT": files.root, "RELEASE": release_name(one.release), "PROCESS": one.name}
    return [f"DEPLOY_{name}={value}" for name, value in known.items()]


def _kept(files: Layout, one: OneOff) -> Optional[int]:
    """The process id of one whose keeper lives, or that outlived it; None where it is gone."""
    known = started(files, one.number)
    if known and known["boot"] == procfs.boot() and procfs.started(known["pid"]) == known["ticks"]:
        return int(known["pid"])
    return 0 if _locked(f"{folder(files, one.number)}/{LOCK}") else None


def _locked(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _units(files: Layout) -> dict[str, int]:
    """The transient units that live, with their process ids."""
    pattern = f"{files.app}-{files.target}-{KIND}@*.service"
    known = Systemctl().show(pattern)
    return {name: int(unit["MainPID"] or 0) for name, unit in known.items() if unit["ActiveState"] not in DEAD}


def _numbers(files: Layout) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(f"{files.root}/{FOLDER}") if name.isdigit())
    except FileNotFoundError:
        return []
