"""Which hosts are under the load, with which app and router?  Real ones of a lab, or this machine's target `local`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.deployed import Deployed
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.routers.programs import PROGRAMS, NginxProgram, Program

from .apps import App
from .generator import Plan, Summary

GENERATOR = Path(__file__).with_name("generator.py")
WITH = ("caddy", "nginx", "socket", "rolling")
PORT, PUBLIC, PLACES = 7000, 8080, 2  # the app's first port, the router's, and how many `web` a host has
NODE = "usr/local/bin/node"
PATIENT, IMPATIENT = "30s", "6s"  # the time to boot of a release that is well, and of one that is not
RESTORED = 30  # the exit code of a run that failed, where what served before serves again
SETTINGS = """\
app: load
build:
  pack: commands
  commands: ['true']
processes:
  web: {health: /up, boot_timeout: BOOT, stop_timeout: 20s, port: PORT, listen: LISTEN, command: 'COMMAND',
        healthy_time: 300ms}
targets:
"""
OURS = """\
  production:
    manager: MANAGER
    user: root
    run_as: deploy
    formation: {web: 2}
    hosts: ["web[1:COUNT]"]
"""
LOCAL = """\
  local:
    manager: supervisor
    formation: {web: 2}
"""


class Field:
    """An app, its operator, and where it runs: `addresses` are what is asked."""

    def __init__(self, app: App, home: Path, *, behind: str, port: int) -> None:
        self.app, self.behind, self.port = app, behind, port
        self.deployed = Deployed(app.folder, home, "load", port)
        self.addresses: tuple[str, ...] = ()
        self._text, self._number, self._sick = "", 0, 0
        (home / ".ssh").mkdir(mode=0o700, parents=True)

    def _settings(self, target: str, router: str) -> None:
        owned = self.behind == "socket"
        text = SETTINGS.replace("PORT", str(self.port), 1).replace("LISTEN", "socket" if owned else "port")
        text = text.replace("COMMAND", self.app.command(socket=owned))
        self._text = text + target + (f"    router: {router}\n" if router else "")
        self._write(PATIENT)
        self.app.change(0)

    def _write(self, boot_timeout: str) -> None:
        self.app.settings(self._text.replace("BOOT", boot_timeout))

    # What is done to it

    def change(self, word: str) -> tuple[list[str], int]:
        """What one says to `deploy` for a change, and how that ends.  Commits what there is to be committed."""
        self._number += 1
        if word == "sick":
            self._sick += 1
            self._write(IMPATIENT)
            self.app.change(self._number, sick=self.sicknesses()[self._sick % len(self.sicknesses())])
            return ["ship"], RESTORED
        if word == "ship":
            self._write(PATIENT)
            self.app.change(self._number)
        words = {"up": ["scale", "web+1"], "down": ["scale", f"web={PLACES}"]}
        return words.get(word, [word]), 0

    def sicknesses(self) -> list[str]:
        """Where a release that fails its health check does so."""
        return ["all", "late"]

    def do(self, word: str, load: Running) -> float:
        """Make a change under load; the seconds that it took."""
        words, code = self.change(word)
        begun = time.monotonic()
        load.tell(f"begin {word} {self._number}")
        self.deployed.deploy(*words, code=code)
        load.tell(f"end {word} {self._number}")
        return time.monotonic() - begun

    def end(self) -> None:
        """Stop all of it."""


class Hosts(Field):
    """Hosts of a lab, logged in to as root; `rolling` has an nginx of the operator's in front, with a plain list."""

    def __init__(self, lab: Lab, app: App, folder: Path, *, behind: str, manager: str, count: int = 3) -> None:
        super().__init__(app, folder / "home", behind=behind, port=PORT)
        self.hosts: list[Host] = lab.fresh_hosts(count)
        shutil.copy(lab.ssh_config, folder / "home" / ".ssh" / "config")
        for host in self.hosts:
            if app.name == "node":
                _give(host, NODE, Path(shutil.which("node") or "node"))
        if behind in PROGRAMS:
            for host in self.hosts:
                host.run(f"systemctl start {behind}")
        target = OURS.replace("MANAGER", manager).replace("COUNT", str(count))
        self._settings(target, f"{{kind: {behind}, port: {PUBLIC}}}" if behind in PROGRAMS else "")
        port = PUBLIC if behind in PROGRAMS else PORT
        self.addresses = tuple(f"{host.address}:{port}" for host in self.hosts)
        self._front: Front | None = None
        if behind == "rolling":
            places = [f"{host.address}:{PORT + place}" for host in self.hosts for place in range(PLACES)]
            self._front = Front(folder / "front", places)
            self.addresses = (f"127.0.0.1:{self._front.port}",)
        self.deployed.deploy("ship")

    def sicknesses(self) -> list[str]:
        """Everywhere, everywhere but where it is tried, and on the last host alone."""
        return ["all", "late", self.hosts[-1].name]

    def end(self) -> None:
        """Stop all of it."""
        if self._front:
            self._front.stop()


class Local(Field):
    """This machine's target under the embedded manager, and routers of the test's own."""

    def __init__(self, app: App, folder: Path, *, behind: str, port: int) -> None:
        super().__init__(app, folder / "home", behind=behind, port=port)
        self._program: Program | None = None
        router = ""
        if behind in PROGRAMS:
            self._program = made = PROGRAMS[behind](folder / behind)
            told = made.router()
            more = f"admin: '{told.admin}'" if told.admin else f"conf: {told.conf}"
            router = f"{{kind: {behind}, port: {told.port}, {more}}}"
        elif behind == "rolling":
            self._program = Front(folder / "front", [f"127.0.0.1:{port + place}" for place in range(PLACES)])
        self._settings(LOCAL, router)
        self.addresses = (f"127.0.0.1:{self._program.port if self._program else port}",)
        self.deployed.deploy("ship")

    def end(self) -> None:
        """Stop all of it."""
        self.deployed.end()
        if self._program:
            self._program.stop()


class Front(NginxProgram):
    """An nginx that somebody else keeps, with a plain list of upstreams that nobody ever changes.

    `max_fails=0`: it asks the next place when one refuses, and does not leave that one out for a while.  Otherwise it
    would have nobody left when the second process goes down just after the first has come back.
    """

    def __init__(self, folder: Path, places: list[str]) -> None:
        self._places = places
        super().__init__(folder)

    def configure(self) -> None:
        super().configure()
        servers = "".join(f"server {place} max_fails=0; " for place in self._places)
        (self.conf / "load.conf").write_text(
            f"upstream load {{ least_conn; {servers}}}\n"
            f"server {{ listen {self.port}; location / {{ proxy_pass http://load; proxy_connect_timeout 2s; }} }}\n"
        )


class Running:
    """A load that runs in a process of its own."""

    def __init__(self, plan: Plan) -> None:
        given = json.dumps(dataclasses.asdict(plan))
        self._process = subprocess.Popen(
            [sys.executable, str(GENERATOR), given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, line: str) -> None:
        """Something begins or ends now."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def ended(self) -> Summary:
        """Have it end, and tell."""
        out, _ = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, f"the load itself failed: {self._process.returncode}"
        return Summary(**json.loads(out))

    def kill(self) -> None:
        """Have it end at once."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def under_load(field: Any, **plan: Any) -> Iterator[Running]:
    """A load on the `addresses` of a field, for as long as the block takes; the block asks it how it `ended`."""
    running = Running(Plan(field.addresses, **plan))
    try:
        yield running
    finally:
        running.kill()


def _give(host: Host, path: str, program: Path) -> None:
    """Put a program of this machine onto a host that has none."""
    place = host.root / path
    if not place.exists():
        shutil.copy(program, place)
