"""A held socket gets another port, another type, or none: whether that succeeds or not, the next crash is survived."""

from __future__ import annotations

import os
import signal

import pytest

from deployer.agent.holder import Holder
from deployer.agent.layout import Layout

from . import moving
from .deployed import eventually

SETTINGS = """\
app: tiny
build: {{pack: commands, commands: ["true"]}}
processes:
  {process}
"""


@pytest.mark.slow
def test_whatever_becomes_of_a_socket_the_next_crash_is_survived(deployed, tiny):
    def settings(_: str, process: str) -> None:
        tiny.settings(SETTINGS.format(process=process))

    moving.every_move_fails_and_succeeds(deployed, tiny, settings, moving.kill_here)


def test_status_says_that_the_next_crash_would_not_be_survived_and_a_run_fixes_it(deployed, tiny, port):
    def settings(_: str, process: str) -> None:
        tiny.settings(SETTINGS.format(process=process))

    moving.describe(deployed, tiny, settings, ("web", True, 0), fails=False)
    deployed.deploy("ship")
    for pid in Holder(Layout(deployed.root, "tiny", "local")).pids():
        os.kill(pid, signal.SIGSTOP)  # neither of the two makes the other anew
    for pid in Holder(Layout(deployed.root, "tiny", "local")).pids():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Holder(Layout(deployed.root, "tiny", "local")).pids(), what="the holder's end")
    told = deployed.run("status")
    assert told.code == 50
    assert f"nobody holds the socket of web (port {port})" in told.err
    doctor = {one["name"]: one for one in deployed.run("doctor", "--json").document["findings"]}
    assert not doctor["next crash"]["ok"]
    deployed.deploy("run")
    moving.survives_a_crash(deployed, moving.kill_here, "127.0.0.1", port, "v1")
