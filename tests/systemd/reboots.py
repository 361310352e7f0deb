"""Does exactly one release's formation run after a boot, whatever the host was at when it went down?

A host under systemd as root, with everything that a boot has to bring back: web processes behind their own socket or a
router, workers that drain, a clock that runs once, a report at its times.  `Trial.round` cuts a run off and looks.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.agent import ledger
from deployer.agent.layout import Layout
from deployer.core import history
from deployer.core.errors import NotFound
from deployer.core.ledger import SUCCEEDED, Run
from tests.e2e.deployed import eventually
from tests.fleet import inside
from tests.lab.host import Host
from tests.lab.lab import Lab

from .one_host import PORT, OneHost

PUBLIC = 8080
WORDS = ("ship", "rollback", "restart", "scale")
PHASES = ("before pending", "pending", "switched", "confirmed")
PREFIX = "tiny-production"
TURN = 1000  # what a turn adds to the number of a process in the name of its unit
SETTLED = 90.0  # seconds from the boot until nothing is left to do

SERVER = """\
import http.server, os, signal, socket, socketserver, threading

TEXT = f"{os.environ['DEPLOY_RELEASE']} {open('built.txt').read().strip()}".encode()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        self.wfile.write(TEXT)

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    allow_reuse_address = True

given = os.environ.get("LISTEN_FDS") == "1"
server = Server(("127.0.0.1", 0 if given else int(os.environ["PORT"])), Handler)
if given:
    server.socket.close()
    server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()
"""
WORKER = """\
import signal, sys, threading, time

over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
while not over.is_set():
    time.sleep(0.1)
time.sleep(1)  # what it was at
"""
SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {health: /up, boot_timeout: 30s, stop_timeout: 2s, healthy_time: 300ms, port: 7000WEB}
  worker: {update: drain, stop_timeout: 5s, healthy_time: 300ms}
  clock: {once: true, stop_timeout: 2s, healthy_time: 300ms}
  report: {command: "sleep 0.5", stop_timeout: 2s, schedule: '*:*:*/3'}
targets:
  production:
    manager: systemd
    user: root
    formation: {web: 2, worker: 2, clock: 1, report: 1}
    confirm_timeout: 5s
    hosts: [HOST]
"""
MARKED = """\
import json, os
found = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{pid}/environ", "rb").read().decode(errors="replace").split(chr(0))
        parent = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]
    except OSError:
        continue
    marks = dict(word.partition("=")[::2] for word in words if word.startswith("DEPLOY_"))
    if marks.get("DEPLOY_ROOT") == "/srv/tiny":
        found[pid] = [parent, marks["DEPLOY_RELEASE"], marks["DEPLOY_PROCESS"]]
print(json.dumps(sorted(one[1:] for one in found.values() if one[0] not in found)))
"""


@dataclass
class Round:
    """What became of one run that was cut off."""

    front: str
    word: str
    end: str
    phase: str
    seconds: float  # from switching the host on to the first answer
    violations: list[str] = field(default_factory=list)


class Trial:
    """One host, the app on it behind `front`, and the runs that are cut off."""

    def __init__(self, lab: Lab, host: Host, folder: Path, front: str) -> None:
        self.front, self.host = front, host
        self.one = OneHost(lab, host, folder, "root")
        self.files = Layout(self.one.place_seen, "tiny", "production")
        self.durations: dict[str, float] = {}
        self._said, self._webs = 0, 2
        app = self.one.tiny
        (app.folder / "web.py").write_text(SERVER)
        (app.folder / "worker.py").write_text(WORKER)
        app.procfile("web: exec python3 -IS web.py\nworker: exec python3 -IS worker.py\nclock: exec sleep 100000\n")
        text = SETTINGS.replace("HOST", host.name).replace("WEB", ", listen: socket" if front == "socket" else "")
        if front != "socket":
            host.run(f"systemctl enable --quiet --now {front}")
            text += f"    router: {{kind: {front}, port: {PUBLIC}}}\n"
        app.settings(text)

    def begin(self) -> None:
        """Two releases to go back and forth between; how long each kind of run takes when nobody cuts it off."""
        self._say()
        self.one.deploy("ship")
        for word in WORDS:
            arguments, begun = self._command(word), time.monotonic()
            self.one.deploy(*arguments)
            self.durations[word] = time.monotonic() - begun

    def round(self, word: str, end: str, moment: float, *, lost: bool) -> Round:
        """Cut one run off at a `moment` (a share of its duration); `lost`: the operator's machine dies, too."""
        arguments, before = self._command(word), self._newest_number()
        begun = self.one.start(*arguments)
        with contextlib.suppress(subprocess.TimeoutExpired):
            begun.wait(moment * self.durations[word])
        self.host.power_cut() if end == "power cut" else self.host.power_off()
        phase, confirmed = self._phase(before), self._newest().release
        if lost:
            _kill(begun)
        switched_on = time.monotonic()
        self.host.start()
        first = eventually(self._answer, seconds=SETTLED, what="the app to answer after the boot")
        result = Round(self.front, word, end, phase, time.monotonic() - switched_on)
        if not first.startswith(f"v{confirmed} "):
            result.violations.append(f"answered first with {first}, though v{confirmed} was confirmed")
        self.host.boot()
        with _ended(begun):
            result.violations += self._after_boot()
        result.violations += self._deploys_again()
        return result

    def _after_boot(self) -> list[str]:
        with contextlib.suppress(AssertionError):  # what is still wrong then is told below
            eventually(lambda: not self.wrong(), seconds=SETTLED, what="exactly one formation")
        return self.wrong()

    def _deploys_again(self) -> list[str]:
        told = []
        for arguments in (("run",), ("status",), ("verify",)):
            result = self.one.run(*arguments)
            if result.code:
                told.append(f"deploy {arguments[0]} ended with {result.code}: {result.out}{result.err}")
        with contextlib.suppress(AssertionError):  # old workers may take their time over it
            eventually(lambda: not self.wrong(), seconds=SETTLED, what="exactly one formation")
        return told + [f"after a plain run: {text}" for text in self.wrong()]

    # What is looked at

    def wrong(self) -> list[str]:
        """What is not as the newest run that succeeded says."""
        run, named = self._newest(), self.one.named()
        release = f"v{run.release}"
        wanted = sorted(f"{kind}.{n}" for kind, count in run.on(self.host.name).items() if kind != "report"
                        for n in range(1, count + 1))  # fmt: skip
        told = [] if named == release else [f"current names {named}, the ledger's newest run is of {release}"]
        told += [f"run/{name} is there" for name in ("pending", "retiring") if (self.files.run / name).exists()]
        units = sorted(f"{name.replace('.', f'@{run.release}-')}" for name in wanted)
        if (found := self._units()) != units:
            told.append(f"units are {found}, not {units}")
        marked = self._marked()
        running = [one for one in marked if one[1].partition(".")[0] != "report"]
        if running != [[release, name] for name in wanted]:
            told.append(f"what runs is {running}, not {wanted} of {release}")
        if others := [one for one in marked if one[0] != release]:
            told.append(f"of other releases: {others}")
        if (answer := self._answer()) is None or not answer.startswith(f"{release} "):
            told.append(f"answered is {answer!r}, not by {release}")
        return told + self._units_in_trouble()

    def _units(self) -> list[str]:
        """The units of processes that are anything but dead, whatever turn they are in: `web@3-1`."""
        found = [unit.removeprefix(f"{PREFIX}-").removesuffix(".service").rpartition("-") for unit in self.one.units()]
        return sorted(f"{kind}-{int(number) % TURN}" for kind, _, number in found)

    def _units_in_trouble(self) -> list[str]:
        listed = self.one.systemctl("list-units", "--all", "--plain", "--no-legend", f"'{PREFIX}*'").splitlines()
        states = {line.split()[0]: line.split()[2] for line in listed}
        told = [f"{name} has failed" for name, state in states.items() if state == "failed"]
        needed = [f"{PREFIX}.service", f"{PREFIX}-report@scheduled.timer"]
        needed += [f"{PREFIX}-web.socket"] if self.front == "socket" else []
        return told + [f"{name} is {states.get(name)}" for name in needed if states.get(name) != "active"]

    def _marked(self) -> list[list[str]]:
        found: list[list[str]] = json.loads(self.host.run(f"python3 -IS -c {shlex.quote(MARKED)}").stdout)
        return found

    def _answer(self) -> str | None:
        return inside.get(self.host, PORT if self.front == "socket" else PUBLIC, "/")

    def _newest(self) -> Run:
        return [run for run in ledger.read(self.files).runs if run.outcome == SUCCEEDED][-1]

    def _newest_number(self) -> int:
        return len([run for run in ledger.read(self.files).runs if run.outcome == SUCCEEDED])

    def _phase(self, before: int) -> str:
        """How far the run had come, as the disk of the host that is off tells."""
        if self._newest_number() > before:
            return "confirmed"
        if not (self.files.run / "pending").exists():
            return "before pending"
        waiting: Any = json.loads((self.files.run / "pending").read_bytes())
        same = waiting["before"] and waiting["before"]["version"] == waiting["after"]["version"]
        return "switched" if not same and self.one.named() == f"v{waiting['after']['version']}" else "pending"

    # What is done

    def _command(self, word: str) -> tuple[str, ...]:
        if word == "rollback" and not self._ways_back():
            word = "ship"
        if word == "ship":
            self._say()
        if word == "scale":
            self._webs = 3 - self._newest().formation["web"]
            return ("scale", f"web={self._webs}")
        return (word,)

    def _ways_back(self) -> bool:
        try:
            return bool(history.rollback_target(ledger.read(self.files), None))
        except NotFound:
            return False

    def _say(self) -> None:
        self._said += 1
        self.one.tiny.say(f"text {self._said}")


@contextlib.contextmanager
def _ended(begun: subprocess.Popen[str]) -> Iterator[None]:
    """The operator's command is over when this begins: by itself, as one does that has lost its host."""
    try:
        begun.communicate(timeout=SETTLED)
    except subprocess.TimeoutExpired:
        _kill(begun)
        raise AssertionError("the operator's command hung") from None
    yield


def _kill(begun: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate()


def cut_off(trial: Trial, rounds: int, chance: random.Random) -> Iterator[Round]:
    """Round after round, at moments that `chance` picks; every third time the host is rebooted, not cut."""
    for number in range(rounds):
        end = "reboot" if number % 3 == 2 else "power cut"
        yield trial.round(WORDS[number % len(WORDS)], end, chance.random(), lost=chance.random() < 0.5)
