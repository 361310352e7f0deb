"""A health command is a process of its own: it ends with the wait for it, and belongs to the process that it asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from deployer.agent import procfs
from deployer.agent.health_command import Trial
from deployer.agent.supervisor import Supervisor
from deployer.core.formation import Process

from .releases import a_release, a_type, wait_for
from .serving import bring_up, failure


@pytest.fixture
def build():
    return Supervisor


def waiting_for(path) -> list[int]:
    """The processes whose command looks for this file."""
    return [p.pid for p in procfs.everyone() if p.alive and any(str(path) in w for w in procfs.arguments(p.pid))]


@pytest.mark.parametrize("beside", ["exec sleep 600", "sleep 0.5; exit 3"], ids=["in vain", "another one crashes"])
def test_a_health_command_ends_with_the_wait_for_it(manager, files, tmp_path, beside):
    never = tmp_path / "never"
    command = f"while ! test -e {never}; do sleep 0.05; done"
    kind = a_type("worker", "exec sleep 600", health_command=command, boot_timeout=1)
    types = a_release(files, 1, kind, a_type("other", beside))
    failure(manager, [Process(1, "worker", 1, 5100), Process(1, "other", 1, 5200)], types)
    assert waiting_for(never) == []


KILLED = """\
import sys, time
from pathlib import Path
from deployer.agent.health_command import Trial
from deployer.agent.layout import Layout
from deployer.core.formation import Process
trial = Trial(Layout(Path(sys.argv[1]), "shop", "local"), Process(1, "worker", 1, 5100), sys.argv[2])
time.sleep(600)
"""


def test_a_health_command_does_not_outlive_an_agent_that_is_killed(files, tmp_path):
    a_release(files, 1, a_type("worker", "exec sleep 600"))
    begun, never = tmp_path / "begun", tmp_path / "never"
    command = f"echo $$ >{begun}; while ! test -e {never}; do sleep 0.05; done"
    with subprocess.Popen([sys.executable, "-c", KILLED, files.root, command]) as agent:
        wait_for(lambda: begun.exists() and begun.read_text())
        agent.kill()
    pid = int(begun.read_text())
    try:
        wait_for(lambda: procfs.started(pid) is None)
    finally:
        if procfs.started(pid) is not None:
            os.kill(pid, signal.SIGKILL)


def test_a_health_command_belongs_to_its_process_in_every_turn(manager, files):
    kind = a_type("worker", "exec sleep 600", health_command="test $DEPLOY_PROCESS-$DEPLOY_TURN = worker.1-1")
    bring_up(manager, [Process(1, "worker", 1001, 5100)], a_release(files, 1, kind))


def test_a_health_command_that_cannot_be_run_has_an_answer(files):
    a_release(files, 1, a_type("worker", "exec sleep 600"))
    (files.release(1) / "release.json").write_text("{}")
    trial = Trial(files, Process(1, "worker", 1, 5100), "true")
    wait_for(lambda: trial.answer)
    assert trial.answer.startswith("cannot be run (")
    assert not trial.passed
