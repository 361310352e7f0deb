"""Which hosts are there, and who answers for them?  A lab is a bridge and its hosts, kept in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from . import access, network
from .base import DEBIAN, cache
from .cgroup import hierarchy
from .host import Host
from .programs import LabError, call

PROGRAMS = ("apt-get", "mmdebstrap", "systemd-nspawn", "ip", "ssh", "ssh-keygen", "nsenter", "setsid", "mkfs.ext4")
SUITES = {  # how its hosts are called, and where their addresses begin
    "bullseye": ("old", 110),
    **({"trixie": ("new", 210)} if DEBIAN == "bookworm" else {"bookworm": ("new", 210)}),
    DEBIAN: ("web", 10),
}
MOST = 99  # hosts of one suite
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INSTANCES = 8192  # each host's systemd takes some, and all hosts' users count as one


def lacking() -> str | None:
    """Why this machine can have no hosts; nothing if it can."""
    if os.geteuid() != 0:
        return "real hosts need root"
    if not _may(CAP_SYS_ADMIN) or not _may(CAP_NET_ADMIN):
        return "real hosts need a root that may mount and make networks; this container's may not"
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        return (
            f"real hosts need Debian with mmdebstrap, systemd-container, openssh-client and iproute2: no {missing[0]}"
        )
    return None if hierarchy() else "real hosts need control groups of version 2"


def _may(capability: int) -> bool:
    status = Path("/proc/self/status").read_text().splitlines()
    effective = next(line.split()[1] for line in status if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> capability & 1)


def labs() -> Path:
    """Where all labs of this user are."""
    return cache() / "labs"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else makes or removes a lab meanwhile."""
    labs().mkdir(parents=True, exist_ok=True)
    with (labs() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Lab:
    """Hosts on one bridge.  They are gone with the program that opened them, or, if kept, when they are removed."""

    def __init__(self, name: str, *, keep: bool = False) -> None:
        """Open the lab `name`, new or kept; what dead programs left behind is swept away first.

        Raises:
            LabError: the name is odd, somebody else has this lab open, or there is no free subnet.

        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
            raise LabError(f"{name!r}: a lab's name has small letters, digits and hyphens")
        self.folder = labs() / name
        self.renewed = 0  # how often its hosts were made new
        with _alone():
            _sweep()
            self.folder.mkdir(exist_ok=True)
            self._lock = _locked(self.folder)
            if self._lock is None:
                raise LabError(f"lab {name!r} is in use by another program: take another name")
            if keep:
                (self.folder / "kept").touch()
            self.number = _number(self.folder) or self._take_number()
        self.key = access.key_pair(self.folder / "key", f"lab-{name}")

    def _take_number(self) -> int:
        for number in network.free_numbers():
            (self.folder / "number").write_text(json.dumps(number))  # first: whoever sweeps must know of the bridge
            if network.add_bridge(number):
                return number
        raise LabError("no subnet of 10.77.0.0/16 is free on this machine")

    @property
    def ssh_config(self) -> Path:
        """An ssh configuration with each host's name: user `deploy`, the lab's key, the hosts' keys."""
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The host keys, by name and address."""
        return self.folder / "known_hosts"

    def hosts(self, count: int, *, suite: str = DEBIAN) -> list[Host]:
        """The first `count` hosts of a Debian suite: made if they are new, booted if they are off.

        bookworm has Python 3.11, and its hosts are web1, web2, …; bullseye has Python 3.9: old1, old2, …; trixie has
        Python 3.13 and systemd 257: new1, new2, …  DEPLOYER_TEST_DEBIAN=trixie has these two change their names.
        """
        if not 0 < count <= MOST:
            raise LabError(f"{count} hosts: from 1 to {MOST} can be had")
        if int(INOTIFY.read_text()) < INSTANCES:
            INOTIFY.write_text(str(INSTANCES))
        hosts = [self._host(suite, index) for index in range(1, count + 1)]
        for host in hosts:
            host.start()
        for host in hosts:
            host.boot()
        access.write_files(self.folder, self.all_hosts(), self.key)
        return hosts

    def fresh_hosts(self, count: int, *, suite: str = DEBIAN) -> list[Host]:
        """The same, each as it was when it was new: half a second a host."""
        self.renewed += 1
        old = [host for host in self.all_hosts() if host.suite == suite]
        for host in old:
            host.group.kill()  # all of them first: each takes its time to die
        for host in old:
            host.reset()
        return self.hosts(count, suite=suite)

    def all_hosts(self) -> list[Host]:
        """Every host there is, on or off."""
        return _hosts(self.folder, self.number)

    def _host(self, suite: str, index: int) -> Host:
        (self.folder / "hosts" / f"{suite}-{index}").mkdir(parents=True, exist_ok=True)
        return _host(self.folder, self.number, suite, index)

    def ssh(self, host: Host, command: str, *, user: str = "deploy", timeout: float = 60, check: bool = True):
        """Run a command on a host as an operator does, by the machine's own ssh."""
        return call("ssh", "-F", self.ssh_config, "-l", user, host.name, command, timeout=timeout, check=check)

    def close(self) -> None:
        """Let go of a lab; unless it is kept, its hosts are no more."""
        if not (self.folder / "kept").exists():
            self.remove()
        self._lock.close()

    def remove(self) -> None:
        """Remove all hosts, the bridge and the folder."""
        with _alone():
            _remove(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _locked(folder: Path) -> IO[str] | None:
    """The lock of a lab, that its owner holds while he lives; none if it is held."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _number(folder: Path) -> int | None:
    """The lab's number, if it has one and its bridge is still there."""
    try:
        number = json.loads((folder / "number").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return number if network.bridge_exists(number) else None


def _sweep() -> None:
    """Remove every lab whose program has died, and kept ones that a reboot of this machine has ended."""
    for folder in labs().iterdir():
        if not folder.is_dir() or ((folder / "kept").exists() and _number(folder) is not None):
            continue
        if (lock := _locked(folder)) is not None:
            with lock:
                _remove(folder)


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        number = json.loads((folder / "number").read_text())
        for host in (hosts := _hosts(folder, number)):
            host.group.kill()
        for host in hosts:
            host.remove()
        network.remove_bridge(number)
    shutil.rmtree(folder, ignore_errors=True)


def _hosts(folder: Path, number: int) -> list[Host]:
    found = (place.name.partition("-") for place in (folder / "hosts").glob("*-*"))
    return [_host(folder, number, suite, index) for suite, index in sorted((f[0], int(f[2])) for f in found)]


def _host(folder: Path, number: int, suite: str, index: int) -> Host:
    prefix, first = SUITES[suite]
    address = str(network.subnet(number)[first + index])
    return Host(f"{prefix}{index}", address, folder / "hosts" / f"{suite}-{index}", suite, number, folder / "key")
