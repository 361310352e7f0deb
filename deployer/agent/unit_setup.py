"""Which unit files does a target have on this host, and whose are they?

Written only when they differ, since every change costs systemd a reload.  A file of another target with the same name
is never replaced, unless that target is gone from the host.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Collection, Mapping, Optional, Sequence

from deployer.agent import durable, router_unit, unit_files
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.systemctl import Systemctl
from deployer.agent.unit_end import SCRIPT
from deployer.core.errors import ReleaseRefused
from deployer.core.manifest import ProcessType

BEGUN, SHIELD = "run/systemd/begun", "run/systemd/shield"
PROBE = ("PrivateUsers=yes", "PrivateTmp=yes", "ProtectSystem=strict", "ProtectHome=read-only")


def user(files: Layout) -> Optional[int]:
    """Whose systemd runs this target, a uid; None where none does."""
    mark = _mark(files)
    return int(mark[1]) if mark else None


def since(files: Layout) -> str:
    """When systemd was told of this target, in seconds of the epoch; '' where it was not."""
    mark = _mark(files)
    return mark[0] if mark else ""


def _mark(files: Layout) -> list[str]:
    try:
        return (files.root / BEGUN).read_text().split()
    except FileNotFoundError:
        return []


class UnitSetup:
    """The unit files of one target; `program` is the agent that is kept for the next boot of the host."""

    def __init__(self, files: Layout, systemctl: Systemctl, program: str) -> None:
        self._files, self._systemctl, self._program = files, systemctl, program

    def prepare(self) -> None:
        """Have the folders, the agent for the next boot, and the unit that starts it; `ReleaseRefused` if another's."""
        for folder in (self._files.run, self._files.shared):
            durable.make_directory(folder)
        for name in (unit_files.WANTED, unit_files.EXITS, "run/processes"):
            durable.make_directory(self._files.root / name, mode=0o700)
        for left in self._systemctl.units.glob(f"{durable.TEMPORARY}{self._files.app}-{self._files.target}*"):
            durable.remove(left, name="sweep")
        if not (self._files.root / BEGUN).exists():
            mark = f"{time.time():.6f} {self._systemctl.user}\n"
            durable.write(self._files.root / BEGUN, mark.encode(), mode=0o600, name="systemd.begun")
        if self._program:
            self._keep(unit_files.PROGRAM, Path(self._program).read_bytes())
        self._keep(unit_files.END, SCRIPT)
        boot = unit_files.boot(self._files, python=interpreter(), of_the_system=self._systemctl.of_the_system)
        changed = self._write(unit_files.boot_name(self._files), boot)
        link = self._systemctl.wants / unit_files.boot_name(self._files)
        if not link.is_symlink():
            durable.make_directory(link.parent)
            durable.point_link(link, f"../{link.name}", name="systemd.enable")
            changed = True
        if changed:
            self._systemctl.tell("daemon-reload")

    def install(self, kinds: Sequence[ProcessType], more: Mapping[str, bytes]) -> None:
        """Have the templates of these process types, and the units `more` too."""
        self.have({**more, **self.contents(kinds, sockets={*self.sockets(), *more})})

    def contents(self, kinds: Sequence[ProcessType], *, sockets: Collection[str] = ()) -> dict[str, bytes]:
        """The templates of these process types, by name; a type that has one of these socket units is given it."""
        return {
            unit_files.template_name(self._files, kind.name): unit_files.template(
                self._files,
                kind,
                python=interpreter(),
                of_the_system=self._systemctl.of_the_system,
                hardened=self.shields(),
                has_socket=unit_files.socket_name(self._files, kind.name) in sockets,
            )
            for kind in kinds
        }

    def have(self, contents: Mapping[str, bytes]) -> list[str]:
        """Have these unit files, by name; which of them are new, or other than they were."""
        changed = [name for name, content in contents.items() if self._write(name, content)]
        if changed:
            self._systemctl.tell("daemon-reload")
        return changed

    def owns(self, name: str) -> bool:
        """Whether there is a unit file of this name, and it is this target's."""
        path = self._systemctl.units / name
        return path.exists() and _owner(path) == unit_files.owner(self._files)

    def knows(self, kind: str) -> bool:
        """Whether there is a template for this process type: somebody may have removed it."""
        return (self._systemctl.units / unit_files.template_name(self._files, kind)).exists()

    def sockets(self) -> list[str]:
        """The names of the socket units."""
        return sorted(path.name for path in self._ours(f"{self._files.app}-{self._files.target}-*.socket"))

    def remove(self) -> None:
        """Take away what `prepare` and `install` have made; the host starts nothing of this target any more."""
        router_unit.remove(self._files)
        named = f"{self._files.app}-{self._files.target}*"
        ours = [path for end in ("service", "timer") for path in self._ours(f"{named}.{end}")]
        if ours:
            durable.remove(self._systemctl.wants / unit_files.boot_name(self._files), name="systemd.disable")
            for path in ours:
                durable.remove(path, name="systemd.unit")
            self._systemctl.tell("daemon-reload")
        durable.remove(self._files.root / unit_files.WANTED, name="systemd.folder")

    def _write(self, name: str, content: bytes) -> bool:
        path = self._systemctl.units / name
        try:
            if path.read_bytes() == content:
                return False
        except FileNotFoundError:
            durable.make_directory(path.parent)
        else:
            self._claim(path)
        durable.write(path, content, name="systemd.unit")
        return True

    def _ours(self, pattern: str) -> list[Path]:
        found = self._systemctl.units.glob(pattern)
        return [path for path in found if _owner(path) == unit_files.owner(self._files)]

    def _keep(self, name: str, content: bytes) -> None:
        kept = self._files.root / name
        if not kept.exists() or kept.read_bytes() != content:
            durable.write(kept, content, mode=0o600, name="systemd.program")

    def _claim(self, path: Path) -> None:
        """Refuse to replace what belongs to a target that is still there, or to nobody we know."""
        found, mine = _owner(path), unit_files.owner(self._files)
        if found == mine:
            return
        try:
            app, target, root = json.loads(found.partition(" deployer ")[2])
        except ValueError:
            raise ReleaseRefused(f"{path} was not written by deployer", hint="rename it, or the app") from None
        if os.path.isdir(root):
            raise ReleaseRefused(
                f"{path} belongs to {app}/{target} in {root}", hint="two targets on one host need names of their own"
            )
        if "@" in path.name:  # what is left of it would keep its processes' names
            self._systemctl.tell("stop", path.name.replace("@.", "@*."))

    def shields(self) -> bool:
        """Whether the manager can shield processes from the host; a user's needs namespaces that hosts may forbid."""
        if self._systemctl.of_the_system:
            return True
        known = self._files.root / SHIELD
        if not known.exists():
            point("systemd.probe")
            options = [word for setting in PROBE for word in ("-p", setting)]
            words = ["--wait", "--collect", "--quiet", *options, "/bin/true"]
            try:
                answer = self._systemctl.ask("systemd-run", *words)
            except FileNotFoundError:  # a host without systemd, which is asked what it would have
                return False
            if not known.parent.exists():  # systemd runs nothing of this target yet
                return not answer.code
            durable.write(known, b"no\n" if answer.code else b"yes\n", mode=0o600, name="systemd.shield")
        return known.read_bytes() == b"yes\n"


def _owner(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n")
