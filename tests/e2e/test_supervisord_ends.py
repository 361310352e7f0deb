"""supervisord is killed, or nothing is left for it to do: commands end as they should, and nothing of it stays."""

from __future__ import annotations

import os
import signal

import pytest

from deployer.agent import procfs
from deployer.agent.layout import Layout
from deployer.agent.supervisor_client import Client
from tests.agent.managed import of_the_target

from .deployed import eventually


def kill(deployed) -> None:
    """Kill its supervisord alone; the keeper brings another one up."""
    os.kill(Client(deployed.root).call("getPID"), signal.SIGKILL)


@pytest.mark.slow
def test_a_command_after_a_kill_of_supervisord_does_what_it_says(deployed, tiny):
    deployed.deploy("ship")
    kill(deployed)
    deployed.deploy("scale", "web=2")
    kill(deployed)
    eventually(lambda: procfs_of(deployed), what="supervisord to come back")
    deployed.deploy("scale", "worker=2")
    kill(deployed)
    deployed.deploy("restart")
    kill(deployed)
    eventually(lambda: procfs_of(deployed), what="supervisord to come back")
    deployed.deploy("config", "set", "COLOUR=red", "--run")
    assert deployed.get("/env/COLOUR") == "red"
    outcomes = {run["outcome"] for run in deployed.json("releases")["releases"]}
    assert outcomes == {"succeeded"}


def procfs_of(deployed) -> bool:
    """Whether its processes have been started again since its end."""
    running = deployed.json("ps")["processes"]
    return all(one["state"] == "up" and procfs.started(one["pid"]) for one in running)


def test_a_stop_leaves_no_process_and_a_start_brings_all_back(deployed, tiny, port, fast):
    timed = '  clock: {schedule: "* * * * *"}\n'
    tiny.procfile((tiny.folder / "Procfile").read_text() + "clock: true\n")
    tiny.settings(fast.format(app="tiny", port=port, more="").rstrip() + "\n" + timed)
    files = Layout(deployed.root, "tiny", "local")
    deployed.deploy("ship")
    deployed.deploy("stop")
    eventually(lambda: not of_the_target(files), what="the end of everything")
    assert deployed.json("status")["ok"]
    deployed.deploy("start")
    assert deployed.get().strip() == "hello"
    assert "scheduled" in deployed.processes().values(), deployed.processes()


def test_a_first_ship_that_fails_leaves_no_process(deployed, tiny):
    tiny.behave(worker="crash-after 0")
    deployed.deploy("ship", code=30)
    eventually(lambda: not of_the_target(Layout(deployed.root, "tiny", "local")), what="the end of everything")
