"""Which processes belong to a host?  All those in one control group, and so they can be counted and killed as one."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .programs import wait_until

NAME = "deployer-lab"


def hierarchy() -> Path | None:
    """Where this machine has its control groups of version 2, if it has any."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(where)
    return None


class Group:
    """The processes of one host, nspawn's own included."""

    def __init__(self, machine: str) -> None:
        """Name the group of `machine`; it is there from `make` until `remove`."""
        self.path = (hierarchy() or Path("/sys/fs/cgroup")) / NAME / machine

    def make(self) -> None:
        """Make the group, with what controllers this machine can delegate."""
        self.path.mkdir(parents=True, exist_ok=True)
        for parent in (self.path.parents[1], self.path.parent):
            for controller in ("cpu", "memory", "pids", "io"):
                with contextlib.suppress(OSError):  # not there in version 2, or not ours to give
                    (parent / "cgroup.subtree_control").write_text(f"+{controller}")

    @property
    def alive(self) -> bool:
        """Whether any process is in it."""
        try:
            return "populated 1" in (self.path / "cgroup.events").read_text()
        except FileNotFoundError:
            return False

    @property
    def init(self) -> int | None:
        """The process that is PID 1 in the host, once its systemd has found its place."""
        return self._first("payload/init.scope")

    @property
    def nspawn(self) -> int | None:
        """The process that holds the host, once it runs."""
        return self._first("supervisor")

    def _first(self, inside: str) -> int | None:
        try:
            found = (self.path / inside / "cgroup.procs").read_text().split()
        except (FileNotFoundError, OSError):
            return None
        return int(found[0]) if found else None

    def kill(self) -> None:
        """Kill all of it in one stroke, and do not wait."""
        if self.alive:
            (self.path / "cgroup.kill").write_text("1")

    def wait_for_the_end(self) -> None:
        """Wait until the last process is gone."""
        wait_until(lambda: not self.alive, f"{self.path.name}: its processes end", timeout=30)

    def remove(self) -> None:
        """Remove the group, when nothing runs in it any more."""
        wait_until(self._removed, f"{self.path.name}: its control group goes away", timeout=30)

    def _removed(self) -> bool:
        """Whether it is gone: the kernel lets go of a group a moment after its last process has died."""
        try:
            for folder in sorted((p for p in self.path.rglob("*") if p.is_dir()), reverse=True):
                folder.rmdir()
            self.path.rmdir()
        except FileNotFoundError:
            return not self.path.exists()
        except OSError:  # busy yet
            return False
        return True
