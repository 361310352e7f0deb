"""How does a one-off process begin that goes on when its operator has left, and how is it ended?"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time

from deployer.agent import child, leftovers, oneoff, oneoffs, stage, unit_files, unit_setup
from deployer.agent.context import Host
from deployer.agent.environment import PATH
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.started import Started
from deployer.agent.systemctl import Systemctl
from deployer.core import requests
from deployer.core.errors import NotFound, RunFailed
from deployer.core.manifest import ProcessType
from deployer.core.oneoffs import KIND
from deployer.core.release import Spec

GRACE, PAUSE = 10.0, 0.05


def reserve(request: requests.Reserve, host: Host) -> requests.Reserved:
    """Take a number; what ended without a word before is noted."""
    oneoffs.sweep(host.files)
    oneoffs.tidy(host.files)
    return requests.Reserved(oneoffs.reserve(host.files, request.least))


def detach(request: requests.Detach, host: Host) -> requests.Detached:
    """Begin it.  From the reply on it runs, or has ended with a line in its log."""
    files = host.files
    spec = stage.spec(files, oneoff.version(request.version, files))
    kind = oneoff.bounding(spec, request.type)
    if KIND in spec.types:
        hint = "give the process type another name, or leave --detach out"
        raise NotFound(f"v{spec.version} has a process type `{KIND}`, as one-off processes are called", hint=hint)
    _check_command(request.argv, spec, files)
    patience = kind.stop_timeout if kind else ProcessType.stop_timeout
    signal = kind.stop_signal if kind else ProcessType.stop_signal
    unit = unit_setup.user(files) == os.geteuid()
    one = oneoffs.OneOff(
        request.number, spec.version, request.argv, request.type, patience, unit, time.time(), request.by, signal
    )
    folder = oneoffs.folder(files, one.number)
    _link(host.program, f"{folder}/agent.pyz")
    lock = os.open(f"{folder}/{oneoffs.LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        oneoffs.begin(files, one)
        point("oneoff.begin")
        if unit:
            _start_unit(files, one, kind)
        else:
            _start_keeper(files, one, lock)
    finally:
        os.close(lock)
    return requests.Detached(spec.version)


def end_one_off(request: requests.EndOneOff, host: Host) -> requests.OneOffEnded:
    """End it as its manager ends a process: its stop_signal to all of it, SIGKILL to what is left after a while."""
    files = host.files
    one = oneoffs.read(files, request.number)
    if one is None:
        raise NotFound(f"there is no process {KIND}.{request.number}", hint="`deploy ps` lists those that run")
    pid = next((pid for known, pid in oneoffs.living(files) if known.number == one.number), None)
    if pid is not None and one.unit:
        _end_unit(files, one)
    elif pid is not None:
        _end_kept(files, one)
    return requests.OneOffEnded(one.release, _end_of(files, one))


def _check_command(argv: list[str], spec: Spec, files: Layout) -> None:
    """Refuse what is no command while somebody is there to hear it; else the log alone would say so."""
    env, home = child.environment_of(files, spec, KIND), child.working_folder(files, spec)
    known = os.path.exists(os.path.join(home, argv[0])) if "/" in argv[0] else shutil.which(argv[0], path=env["PATH"])
    if not known:
        raise oneoff.no_such_command(argv[0], spec.version)


def _link(program: str, path: str) -> None:
    """Keep the agent that it was begun with for as long as it is known: that one may be pruned."""
    try:
        os.link(program, path)
    except OSError:  # started from elsewhere
        shutil.copyfile(program, path)


def _start_unit(files: Layout, one: oneoffs.OneOff, kind: ProcessType | None) -> None:
    """Have systemd run it as a unit that is gone when it has ended; its folder is all that systemd is told."""
    systemctl = Systemctl()
    name = unit_files.unit_name(files, one.process)
    program = f"{unit_files.word(interpreter())} -IS agent.pyz".replace("%%", "%")
    properties = [
        f"Description={files.app} on {files.target}: {one.name}",
        f"WorkingDirectory={oneoffs.folder(files, one.number)}",
        f"ExecStopPost=-+{program} ended {files.app} {files.target}",
        f"TimeoutStopSec={max(unit_files.SHORTEST, one.stop_timeout):g}",
        *unit_files.stopping(one.stop_signal),
        "UMask=0077",
        f"SyslogIdentifier={name[: -len('.service')]}",
        "LogRateLimitIntervalSec=0",
    ]
    if kind is not None:
        hardened = unit_setup.UnitSetup(files, systemctl, "").shields()
        bounds = unit_files.bounds(files, kind, of_the_system=systemctl.of_the_system, hardened=hardened)
        properties += bounds.replace("%%", "%").splitlines()
    options = [word for line in properties for word in ("-p", line)]
    words = ["--quiet", "--collect", f"--unit={name}", *options, "--", interpreter(), "-IS", "agent.pyz", "oneoff"]
    point("oneoff.unit")
    answer = systemctl.ask("systemd-run", *words)
    if answer.code:
        oneoffs.end(files, one, "could not be started by systemd")
        raise RunFailed(f"systemd refuses to start {one.name}", output=answer.errors)


def _start_keeper(files: Layout, one: oneoffs.OneOff, lock: int) -> None:
    """Start its keeper in a session of its own, and wait until the process itself is there."""
    folder = oneoffs.folder(files, one.number)
    keeper = subprocess.Popen(
        [interpreter(), "-IS", f"{folder}/agent.pyz", "keep", str(files.root), files.app, files.target,
         str(one.number), str(lock)],
        cwd="/",
        env={"PATH": PATH, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(lock,),
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + GRACE
    while not oneoffs.started(files, one.number):
        if keeper.poll() is not None or time.monotonic() > deadline:
            oneoffs.end(files, one, "could not be started")
            raise RunFailed(f"{one.name} could not be started: its keeper ended with code {keeper.poll()}")
        time.sleep(PAUSE)


def _end_unit(files: Layout, one: oneoffs.OneOff) -> None:
    name = unit_files.unit_name(files, one.process)
    try:
        Systemctl().tell("stop", name, patience=GRACE + 2 * one.stop_timeout)
    except RunFailed:
        if oneoffs.ended(files, one.number) is None:  # else it has just ended by itself, and its unit is gone
            raise


def _end_kept(files: Layout, one: oneoffs.OneOff) -> None:
    known = oneoffs.started(files, one.number)
    if known:
        record = Started(
            pid=known["pid"], ticks=known["ticks"], boot=known["boot"], at=known["at"], starts=1, port=0,
            stop_timeout=one.stop_timeout, marks=oneoffs.marks(files, one), stop_signal=one.stop_signal,
        )  # fmt: skip
        if not leftovers.end(record):
            raise RunFailed(f"{one.name} cannot be ended", hint="`deploy ps` shows what runs")


def _end_of(files: Layout, one: oneoffs.OneOff) -> str:
    """How it ended, as soon as that is noted."""
    deadline = time.monotonic() + GRACE
    while True:
        how = oneoffs.ended(files, one.number)
        if how is not None:
            return how
        if time.monotonic() > deadline:
            oneoffs.end(files, one, oneoffs.CUT_OFF)
        time.sleep(PAUSE)
