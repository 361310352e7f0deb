"""A target `production` of three real hosts with the tiny app on them, and what can be done to them meanwhile.

fleet.say("text 2")
with fleet.begun("ship", at=("web2", "switch.launched")) as ship:  # web2's agent stands still there
    fleet["web2"].power_cut()
assert ship.ended().code == 31
fleet.heals()
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployer.stages import view
from deployer.stages.events import silent
from deployer.stages.operator import operator
from deployer.stages.project import project
from deployer.stages.target import opened
from tests.apps.tiny import TinyApp, tiny_app
from tests.e2e.deployed import LONGEST, Deployed, Result, eventually
from tests.lab.host import Host
from tests.lab.lab import Lab

from . import inside

PORT = 7000
ROOT = "home/deploy/tiny"  # of a host, as seen from its /
TRACE, SICK = "/tmp/trace", "/etc/sick-"
DISK = 128  # megabytes
SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {health: /up, boot_timeout: 4s, stop_timeout: 2s, healthy_time: 300ms, port: 7000}
  worker: {stop_timeout: 2s, healthy_time: 300ms}
targets:
  production:
    manager: MANAGER
    formation: {web: 2, worker: 1}
    confirm_timeout: PATIENCE
    ssh: {connect_timeout: 3s}
    hosts: ["web[1:3]"]
"""


class Fleet(Deployed):
    """The app, its operator and the hosts.  `well` is whether a test left all as it should be."""

    def __init__(self, lab: Lab, folder: Path, *, manager: str) -> None:
        super().__init__(folder / "app", folder / "home", "tiny", PORT)
        self.lab, self.well, self.n, self._renewed = lab, False, 0, 0
        self._settings = SETTINGS.replace("MANAGER", manager)
        self.hosts: dict[str, Host] = {}
        self.tiny: TinyApp = tiny_app(self.folder, python="python3")
        (self.home / ".ssh").mkdir(mode=0o700, parents=True)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def begin(self) -> None:
        """Three hosts that serve `text`; new ones unless the last test left all well."""
        self.settings()
        self.tiny.behave(web="ok", release="ok")
        well, self.well = self.well and self._renewed == self.lab.renewed, False
        if well:  # and nobody else has had the hosts meanwhile
            return
        self.hosts = {host.name: host for host in self.lab.fresh_hosts(3)}
        self._renewed = self.lab.renewed
        for host in self.hosts.values():
            host.small_disk(f"/{ROOT}", DISK, user="deploy")
        shutil.copy(self.lab.ssh_config, self.home / ".ssh" / "config")
        self.say()
        self.deploy("ship")

    def settings(self, more: str = "", *, patience: str = "5s") -> None:
        """deploy.yaml; `more` are lines of the target, at its keys' margin (four spaces)."""
        text = self._settings.replace("PATIENCE", patience) + more
        if (self.folder / "deploy.yaml").read_text() != text:
            self.tiny.settings(text)

    # What the operator does

    def say(self) -> str:
        """A one-line change of the app; the text that it answers with once it is deployed."""
        self.n += 1
        self.tiny.say(f"text {self.n}")
        return f"text {self.n}"

    def grow(self) -> str:
        """A change that takes long to send: 60 new files of 100 kB that no compression makes smaller."""
        folder = self.folder / "fill"
        folder.mkdir(exist_ok=True)
        for number in range(60):
            (folder / str(number)).write_bytes(os.urandom(100_000))
        return self.say()

    @contextlib.contextmanager
    def begun(self, *words: str, at: tuple[str, str]) -> Iterator[Begun]:
        """`deploy …`, under way: the agent of one host stands still at a point until the block ends."""
        name, point = at
        host = self[name]
        with self.armed(name, f"{point}:stop" if ":" in point else f"{point}:1:stop"):
            begun = Begun(host, point, self.start(*words))
            begun.wait()
        try:
            yield begun
        finally:
            begun.go_on()

    @contextlib.contextmanager
    def armed(self, name: str, fault: str) -> Iterator[None]:
        """Agents that start on this host meanwhile have `DEPLOYER_FAULT=fault`."""
        host = self[name]
        (host.root / TRACE.lstrip("/")).unlink(missing_ok=True)
        environment = host.root / "etc/environment"
        environment.write_text(f"DEPLOYER_FAULT={fault}\nDEPLOYER_FAULT_TRACE={TRACE}\n")
        try:
            yield
        finally:
            environment.write_text("")

    def fragile(self) -> str:
        """A release that is sick wherever `sick` says so; the text that it answers with."""
        self.tiny.behave(web=f"fail-health-if {SICK}{self.n + 1}")
        return self.say()

    @contextlib.contextmanager
    def sick(self, *names: str, before: int = 0) -> Iterator[None]:
        """The newest of the fragile releases (or so many `before` it too) is sick on these hosts meanwhile."""
        marks = [
            self[name].root / f"{SICK}{n}".lstrip("/") for name in names for n in range(self.n - before, self.n + 1)
        ]
        for mark in marks:
            mark.touch()
        try:
            yield
        finally:
            for mark in marks:
                mark.unlink()

    def free(self, name: str) -> bool:
        """Whether nobody holds the lock on a host: its last writer is gone, and its guard has done what it must."""
        return self[name].run(f"flock -n /{ROOT}/lock true", check=False).returncode == 0

    # What the hosts are like

    def of(self, name: str) -> Path:
        """The root of the target on a host."""
        return self[name].root / ROOT

    def get_from(self, name: str, path: str = "/", *, number: int = 1) -> str | None:
        """What web.`number` answers on a host, None where it does not."""
        return inside.get(self[name], PORT + number - 1, path)

    def watch(self, *names: str) -> inside.Watch:
        """Asks these hosts (all, if none is named) all the time."""
        return inside.Watch([self[name] for name in names or self.hosts], (PORT, PORT + 1))

    def serves(self) -> dict[str, str]:
        """What `current` names on each host: a release that is there, or ''."""
        return {name: self._current(name) for name in self.hosts}

    def _current(self, name: str) -> str:
        link = self.of(name) / "current"
        named = os.readlink(link) if link.is_symlink() else ""
        assert not named or (self.of(name) / named / "release.json").is_file(), f"{name}: `current` dangles: {named}"
        return named.removeprefix("releases/")

    def answers(self) -> dict[str, str | None]:
        """What web.1 answers on each host."""
        return {name: self.get_from(name) for name in self.hosts}

    def answered(self) -> str:
        """What web.1 answers, the same on all hosts."""
        (text,) = set(self.answers().values())
        assert text is not None
        return text

    def pids(self, name: str) -> list[str | None]:
        """The web processes of a host."""
        return [self.get_from(name, "/pid", number=number) for number in (1, 2)]

    def ledger(self, name: str) -> list[bytes]:
        """The records that a host has, oldest first."""
        return [path.read_bytes() for path in sorted((self.of(name) / "ledger").glob("[0-9]*"))]

    def pending(self) -> list[str]:
        """The hosts with a switch that is neither confirmed nor undone."""
        return [name for name in self.hosts if (self.of(name) / "run/pending").exists()]

    def differences(self) -> list[str]:
        """What `status` and `verify` would complain of; asked in this process, which is quicker."""
        where = operator(self.environ, who="test", now=lambda: "", token=lambda: "")
        with opened(project(self.folder, where), "production", command="test", write=False, report=silent) as target:
            told = [f"{host.host}: {text}" for host in view.status(target) for text in host.drift]
            return told + [f"{one.host}: {text}" for one in view.verify(target) for text in one.problems]

    # What holds after each fault

    def undone(self, *, seconds: float = 20) -> None:
        """In bounded time no host that is up has anything unconfirmed."""
        eventually(lambda: not self.pending(), seconds=seconds, what="the hosts to undo what was not confirmed")

    def heals(self) -> str:
        """The next plain `deploy run` ends in 0, and then all hosts are equal; what they serve."""
        for host in self.hosts.values():
            host.boot()
        serves = self.deploy("run", "--wait", "30s")
        assert set(self.serves().values()) == {serves}
        assert self.differences() == []
        first, *others = [self.ledger(name) for name in self.hosts]
        assert first
        assert all(other == first for other in others), "the ledgers differ"
        assert not self.pending()
        left = [path for name in self.hosts for path in self.of(name).glob("*/.tmp-*")]
        assert not [path for path in left if path.parts[-2] not in ("objects", "builds")], left
        assert self.answered()
        self.well = True
        return serves


class Begun:
    """A command that is under way, and the agent that stands still."""

    def __init__(self, host: Host, point: str, process: subprocess.Popen[str]) -> None:
        self._host, self.process = host, process
        self._point, _, nth = point.partition(":")
        self._nth, self._pid = int(nth or 1), 0

    def wait(self) -> None:
        """Until it stands there."""
        eventually(self._stands, seconds=60, what=f"{self._host.name} at {self._point}")

    def _stands(self) -> bool:
        if self.process.poll() is not None:
            out, err = self.process.communicate()
            raise AssertionError(f"it ended before {self._point}: {self.process.returncode}\n{out}\n{err}")
        trace = self._host.root / TRACE.lstrip("/")
        passed = [line.split() for line in trace.read_text().splitlines()] if trace.exists() else []
        pids = [int(pid) for pid, name in passed if name == self._point]
        self._pid = next((pid for pid in dict.fromkeys(pids) if pids.count(pid) >= self._nth), 0)
        return bool(self._pid)

    def go_on(self) -> None:
        """Let the agent go on, if its host is on still."""
        if self._host.running:
            self._host.run(f"kill -CONT {self._pid}", check=False)

    def kill(self) -> None:
        """SIGKILL for the operator."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self, *, code: int | None = None) -> Any:
        """How it ended; with `code`, which it must have ended with, what it printed as JSON."""
        try:
            out, err = self.process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"it hung:\n{out}\n{err}") from None
        assert "Traceback" not in err, err
        if code is None:
            return Result(self.process.returncode, out, err)
        assert self.process.returncode == code, f"it ended with {self.process.returncode}:\n{out}\n{err}"
        return json.loads(out)
