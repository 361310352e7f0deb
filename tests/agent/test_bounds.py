"""A one-off process that is to be bounded begins only if it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from deployer.agent import procfs

from .releases import wait_for

CUT_OFF = """\
import os, signal, subprocess, sys
from pathlib import Path
from deployer.agent import bounds
from deployer.agent.layout import Layout
from deployer.core.manifest import ProcessType

def lose_the_agent_and_wait():
    os.write(1, f"{os.getpid()}\\n".encode())
    os.kill(os.getppid(), signal.SIGKILL)
    hold()

with bounds.bounded(Layout(Path(sys.argv[1]), "shop", "local"), ProcessType("run", "true", files=64)) as hold:
    subprocess.Popen(["sleep", "600"], preexec_fn=lose_the_agent_and_wait)
"""


def test_it_ends_with_an_agent_that_is_killed_before_it_begins(files):
    with subprocess.Popen([sys.executable, "-c", CUT_OFF, files.root], stdout=subprocess.PIPE) as agent:
        pid = int(agent.stdout.readline())
    assert agent.returncode == -signal.SIGKILL
    try:
        wait_for(lambda: procfs.started(pid) is None, seconds=5)
    finally:
        if procfs.started(pid) is not None:
            os.kill(pid, signal.SIGKILL)
