"""What is particular to systemd's sockets and to what processes tell it: the units, floods, and watchdogs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from deployer.agent import unit_files
from deployer.agent.layout import Layout
from deployer.agent.readiness import await_ready
from deployer.agent.systemctl import Systemctl
from deployer.core.formation import Process

from .managed import one, systemd
from .owned import COMMAND, PROGRAM, ask
from .releases import a_release, a_type, wait_for
from .test_socket_conformance import NOTIFYING

real = pytest.mark.on_systemd
SOCKET = "shop-local-web.socket"


@pytest.fixture
def build():
    return systemd


def web(command: str = COMMAND, **fields):
    return a_type("web", command, binds_port=True, listen="socket", **fields)


def state_of_the_socket() -> str:
    return Systemctl().show(SOCKET, "ActiveState")[SOCKET]["ActiveState"]


def test_a_type_without_a_socket_has_none_in_its_unit():
    files = Layout(Path("/srv/shop"), "shop", "local")
    made = [
        unit_files.template(files, web(), python="python3", of_the_system=True, hardened=True, has_socket=has).decode()
        for has in (False, True)
    ]
    assert "Sockets=" not in made[0]
    assert f"\nSockets={SOCKET}\nNonBlocking=yes\n" in made[1]
    assert "Type=simple" in made[0]


def test_what_tells_systemd_that_it_is_up_has_time_to_be_held_back_and_to_boot():
    files = Layout(Path("/srv/shop"), "shop", "local")
    kind = a_type("web", "serve", health="notify", watchdog=30, boot_timeout=45)
    made = unit_files.template(files, kind, python="python3", of_the_system=True, hardened=True).decode()
    assert "\nType=notify\n" in made
    assert "\nNotifyAccess=all\nTimeoutStartSec=135\nWatchdogSec=30\n" in made


@real
def test_a_flood_while_everything_crashes_leaves_the_socket_and_its_queue(manager, files, port):
    crashing = a_release(files, 1, web("sleep 0.1; exit 3"))
    manager.start([Process(1, "web", number, port) for number in range(1, 9)], crashing)
    waiting, deadline = [], time.monotonic() + 6
    while time.monotonic() < deadline:
        asker = socket.create_connection(("127.0.0.1", port), 5)
        if len(waiting) < 200:
            waiting.append(asker)
        else:
            asker.close()
        time.sleep(0.005)
    assert state_of_the_socket() == "active"
    for asker in waiting:
        asker.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    good = a_release(files, 2, web(), program=PROGRAM)
    manager.start([Process(2, "web", 1, port)], good)
    answers = [asker.makefile("rb").read() for asker in waiting]
    assert all(answer.startswith(b"HTTP/1.0 200") for answer in answers)


@real
def test_what_cannot_even_be_launched_leaves_the_socket(manager, files, port):
    types = a_release(files, 1, web(), program=PROGRAM)
    manager.start([Process(1, "web", 1, port)], types)
    await_ready(manager, [Process(1, "web", 1, port)], types, check=lambda: None)
    (files.release(1) / "agent.pyz").rename(files.root / "gone.pyz")
    os.kill(one(manager, Process(1, "web", 1, port)).pid, signal.SIGKILL)
    unit = "shop-local-web@1-1.service"
    restarts = ["systemctl", *Systemctl().scope, "show", "--value", "--property=NRestarts", unit]
    environment = Systemctl().environment()
    wait_for(lambda: int(subprocess.check_output(restarts, env=environment)) > 6, seconds=60)
    assert state_of_the_socket() == "active"
    (files.root / "gone.pyz").rename(files.release(1) / "agent.pyz")
    assert ask(port, seconds=20).startswith("v1 ")


@real
def test_a_process_that_stops_saying_that_it_lives_is_started_anew(manager, files):
    files.shared.mkdir(exist_ok=True)
    (files.shared / "go").touch()
    kind = a_type("web", "exec python3 app.py ../../../shared/go", health="notify", watchdog=2)
    types = a_release(files, 1, kind, program={"app.py": NOTIFYING})
    process = Process(1, "web", 1, 5000)
    manager.start([process], types)
    await_ready(manager, [process], types, check=lambda: None)
    time.sleep(3)  # it says that it lives, and is left alone for longer than the watchdog waits
    assert one(manager, process).restarts == 0
    (files.shared / "go").unlink()
    wait_for(lambda: one(manager, process).restarts == 1)
    assert one(manager, process).reason.startswith("was killed by its watchdog after ")


@real
def test_a_release_without_a_watchdog_outlives_one_that_has_it(manager, files):
    """Units are of a type, not of a release: the older process starts anew by the newer one's."""
    silent = a_release(files, 1, a_type("web", "exec sleep 600"))
    kind = a_type("web", "exec python3 app.py .", health="notify", watchdog=1)
    newer, older = Process(2, "web", 1, 5001), Process(1, "web", 1, 5000)
    notifying = a_release(files, 2, kind, program={"app.py": NOTIFYING})
    manager.start([older], silent)
    wait_for(lambda: one(manager, older).state == "up")
    manager.start([newer], notifying)
    await_ready(manager, [newer], notifying, check=lambda: None)
    os.kill(one(manager, older).pid, signal.SIGKILL)
    wait_for(lambda: one(manager, older).restarts == 1 and manager.said_ready(older))
    time.sleep(2.5)
    assert one(manager, older).restarts == 1
