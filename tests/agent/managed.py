"""Which process managers are there to be tried, and how is it seen what they keep?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.agent import procfs
from deployer.agent.layout import Layout
from deployer.agent.managers import UP, Instance
from deployer.agent.supervisor import Supervisor
from deployer.agent.systemctl import Systemctl
from deployer.agent.systemd import Systemd
from deployer.core.formation import Process

from .releases import agent, wait_for


def systemd(files: Layout) -> Systemd:
    """As the agent that runs on the host makes it: it keeps its own program for the next boot."""
    program = files.agent / "program.pyz"
    program.write_bytes(agent())
    return Systemd(files, str(program))


MANAGERS = {"supervisor": Supervisor, **({"systemd": systemd} if Systemctl().answers() else {})}
ODD = "a b%d ; #x [q] 'ü' " + "long" * 30
CHILD_STAYS = """\
import subprocess, sys, time
child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('child up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(600)
"""
in_plain_and_odd_folders = pytest.mark.parametrize("files", ["plain", ODD], ids=["plain", "odd"], indirect=True)


def of_the_target(files: Layout) -> list[int]:
    """Every living process that has to do with the target: by its directory, or by its environment."""
    root = os.path.realpath(files.root).encode()
    found = []
    for process in procfs.everyone():
        try:
            cwd = os.fsencode(os.readlink(f"/proc/{process.pid}/cwd"))
        except OSError:
            continue
        if process.alive and process.pid != os.getpid() and (cwd == root or cwd.startswith(root + b"/")):
            found.append(process.pid)
    return found


def one(manager: Supervisor, process: Process) -> Instance:
    return next(instance for instance in manager.instances() if instance.process == process)


def is_up(manager: Supervisor, *processes: Process) -> bool:
    states = {instance.process: instance.state for instance in manager.instances()}
    return all(states.get(process) == UP for process in processes)


def environment_of(instance: Instance) -> dict[str, str]:
    wait_for(lambda: procfs.carries(instance.pid, ["DEPLOY_APP=shop"]))  # the launcher has become the command
    text = Path(f"/proc/{instance.pid}/environ").read_bytes().decode()
    return dict(line.split("=", 1) for line in text.split("\0")[:-1])
