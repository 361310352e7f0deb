"""How much later does a process begin because our launcher starts it?  Beside the bare command, and `honcho start`.

The command writes the time at which it begins, and ends; all but `scale` are timed from the start of whatever starts it
until then.  With root and a lab, systemd is asked as well, on a real host: a plain unit with the same command in it,
started anew by `systemctl restart`, and one of ours.
"""

import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.clock import Taken, alternating, cpus, timed, walls
from benchmarks.operators import BIN, PORT, operator
from benchmarks.results import COUNT, SECONDS, Line
from tests.apps.tiny import PYTHON, tiny_app
from tests.e2e.deployed import Deployed
from tests.lab.host import Host
from tests.lab.lab import Lab, lacking
from tests.systemd.one_host import OneHost

STAMP = "stamp"
SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 30s, stop_timeout: 2s, healthy_time: 300ms, port: {port}}}
  job: {{command: {command}, stop_timeout: 2s, healthy_time: 1s}}
"""
PLAIN = """\
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c '{command}'
"""
UNIT = "tiny-production-job@1-1.service"
GOAL = 0.06


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """On this machine, under no process manager and under the embedded one; then on a host under systemd."""
    count = rounds or 15
    stamp = folder / STAMP
    command = f"date +%s.%N > {stamp}; exec sleep 1000"
    app = tiny_app(folder / "app")
    app.procfile(f"web: {shlex.quote(PYTHON)} -I -S server.py web\n")
    app.settings(SETTINGS.format(port=PORT, command=command))
    one = operator(app.folder, folder / "home", "tiny")
    try:
        one.deploy("ship")
        lines = _here(one, folder, command, stamp, count)
        lines += _scaled(one, "this machine, embedded manager", count)
    finally:
        one.end()
    return lines


def _here(one: Deployed, folder: Path, command: str, stamp: Path, rounds: int) -> list[Line]:
    alone = folder / "alone"
    alone.mkdir()
    (alone / "Procfile").write_text(f"job: {command}\n")
    root, python = one.root, shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    launcher = [python, "-IS", str(root / "releases/v1/agent.pyz"), "launch", "job", "9", "--port", "0"]
    subjects: dict[str, Callable[[], Taken]] = {
        "bare": functools.partial(_begun, ["/bin/sh", "-c", command], stamp, root),
        "ours": functools.partial(_begun, launcher, stamp, root),
        "python": lambda: timed([python, "-IS", "-c", "pass"]),
        "honcho": functools.partial(_begun, [str(BIN / "honcho"), "start"], stamp, alone),
    }
    if foreman := shutil.which("foreman"):
        subjects["foreman"] = functools.partial(_begun, [foreman, "start"], stamp, alone)
    runs = alternating(rounds, subjects)
    taken = {name: walls(some) for name, some in runs.items()}
    more = [late - soon for late, soon in zip(taken["ours"], taken["bare"], strict=True)]
    worked = [late - soon for late, soon in zip(cpus(runs["ours"]), cpus(runs["bare"]), strict=True)]
    lines = [
        Line("the bare command, `sh -c`", taken["bare"]),
        Line("our launcher", taken["ours"]),
        Line("our launcher less the bare command", more, SECONDS, GOAL),
        Line("the same in CPU time", worked, SECONDS, GOAL),
        Line("`python3 -IS -c pass`, in CPU time", cpus(runs["python"]), SECONDS),
        Line("processes of ours that are left when the command runs", [_left(launcher, stamp, root)], COUNT, 0),
        Line("`honcho start`", taken["honcho"]),
    ]
    return lines + ([Line("`foreman start`", taken["foreman"])] if "foreman" in taken else [])


def _begun(command: Sequence[str], stamp: Path, folder: Path) -> Taken:
    """From the start of `command` until what it starts has begun."""
    stamp.unlink(missing_ok=True)
    for record in folder.glob("run/processes/*-job-9*"):  # else it looks for what the round before has left
        record.unlink()
    begun = time.time()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        begun_at = _stamped(stamp)
        worked = (
            int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9
        )  # an exec does not end the count
        return Taken(begun, begun_at - begun, worked)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started, whatever session that is in."""
    for pid in _descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(20)


def _stamped(stamp: Path, *, after: float = 0.0) -> float:
    """The time that is written there, once it is."""
    deadline = time.monotonic() + 20
    while True:
        text = stamp.read_text().strip() if stamp.exists() else ""
        if text and float(text) > after:
            return float(text)
        assert time.monotonic() < deadline, f"nothing has begun: {stamp}"
        time.sleep(0.002)


def _left(command: Sequence[str], stamp: Path, folder: Path) -> int:
    """How many processes there are besides the command itself, when that has begun."""
    stamp.unlink(missing_ok=True)
    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    try:
        _stamped(stamp)
        deadline, names = time.monotonic() + 5, ["?"]
        while names != ["sleep"] and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # it has ended between the two looks
                names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in _descendants(process.pid)]
        return len(names) - 1
    finally:
        _end(process)


def _descendants(first: int) -> list[int]:
    """The process `first`, what it has started, and what those have."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found = [first]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _scaled(one: Deployed, where: str, rounds: int) -> list[Line]:
    """`deploy scale web+1`: the whole command, until the process answers and the formation was read back."""
    taken = []
    for _ in range(min(rounds, 7)):
        begun = time.monotonic()
        one.deploy("scale", "web+1")
        taken.append(time.monotonic() - begun)
        one.deploy("scale", "web-1")
    return [Line(f"`deploy scale web+1`, {where}", taken)]


def on_a_host(folder: Path, given: int | None) -> list[Line]:
    """`systemctl restart` of a plain unit, and of one of ours."""
    rounds = given or 15
    if reason := lacking():
        sys.stderr.write(f"not measured under systemd: {reason}\n")
        return []
    with Lab(f"launch-{os.getpid()}") as lab:
        host = lab.hosts(1)[0]
        one = OneHost(lab, host, folder, "root")
        command = f"date +%s.%N > /srv/tiny/shared/{STAMP}; exec sleep 1000"
        text = (one.tiny.folder / "deploy.yaml").read_text().replace("worker: 1", "job: 1")
        job = f"  job: {{command: {command}, stop_timeout: 2s, healthy_time: 1s}}\n"
        one.tiny.settings(text.replace("targets:", f"{job}targets:"))
        one.deploy("ship")
        plain = command.replace("/srv/tiny/shared", "/root").replace("%", "%%")
        (host.root / "etc/systemd/system/plain.service").write_text(PLAIN.format(command=plain))
        host.run("systemctl daemon-reload")
        subjects = {
            "plain": functools.partial(_restarted, host, "plain.service", host.root / "root" / STAMP),
            "ours": functools.partial(_restarted, host, UNIT, host.root / "srv/tiny/shared" / STAMP),
        }
        taken = {name: walls(runs) for name, runs in alternating(rounds, subjects).items()}
        more = [late - soon for late, soon in zip(taken["ours"], taken["plain"], strict=True)]
        return [
            Line("`systemctl restart` of a plain unit", taken["plain"]),
            Line("`systemctl restart` of ours", taken["ours"]),
            Line("ours less the plain one", more),
            *_scaled(one, "one host, systemd", rounds),
        ]


def _restarted(host: Host, unit: str, stamp: Path) -> Taken:
    """From the call of systemctl until the unit's command has begun; the clock is the same on a host of the lab.

    Ours would take so many short lives for a crash loop and hold the next one back, if it knew of them.
    """
    host.run("rm -f /srv/tiny/run/processes/*job* /srv/tiny/run/exits/*job*")
    begun = float(host.run(f"date +%s.%N; systemctl restart {unit}").stdout.split()[0])
    return Taken(begun, _stamped(stamp, after=begun) - begun, 0.0)
