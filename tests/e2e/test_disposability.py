"""What a host does alone when processes end, and how it is told."""

import os
import signal
import subprocess
import sys

from deployer.agent.layout import Layout
from deployer.agent.supervisor_client import Client
from deployer.agent.supervisor_daemon import Daemon

from .deployed import eventually


def test_a_process_that_ends_again_and_again_is_told_as_failing(deployed, tiny):
    tiny.behave(worker="crash-after 1.2")
    deployed.deploy("ship")
    eventually(lambda: deployed.processes()["worker.1"] == "failing", seconds=60, what="three short lives")
    row = next(row for row in deployed.json("ps")["processes"] if row["process"] == "worker.1")
    assert row["restarts"] >= 2
    assert row["reason"].startswith("exited with code")
    status = deployed.run("status")
    assert status.code == 50
    assert "worker.1 is failing (exited with code" in status.out
    assert "hint: `deploy logs worker.1` tells why; `deploy rollback` goes back" in status.err


def test_a_process_that_had_to_be_killed_is_told_by_the_run_and_by_the_host(deployed, tiny):
    tiny.behave(web="ignore-sigterm")
    deployed.deploy("ship")
    tiny.behave(web="ok")
    result = deployed.run("ship")
    assert result.code == 0
    assert "web.1 of v1 did not stop within its stop_timeout and was killed" in result.err
    told = [(row["release"], row["text"]) for row in deployed.json("events")["events"] if row["event"] == "killed"]
    assert told == [("v1", "web.1: did not stop within 2 s, and was killed")]


def test_a_crash_is_an_event_of_the_host(deployed):
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    os.killpg(os.getpgid(int(pid)), signal.SIGKILL)
    eventually(lambda: deployed.get("/pid") != pid, what="the restart")
    events = deployed.json("events")["events"]
    crashes = [row for row in events if row["event"] == "crashed"]
    assert [(row["release"], row["text"].partition(" after ")[0]) for row in crashes] == [
        ("v1", "web.1: was killed by SIGKILL")
    ]
    assert "up (restarted: was killed by SIGKILL after " in deployed.deploy("ps")


def test_a_supervisord_that_is_killed_is_no_matter_to_anybody(deployed):
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    os.kill(int((deployed.root / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
    eventually(lambda: deployed.get("/pid") != pid, what="the formation, started again")
    eventually(lambda: not deployed.differences(), what="a status without drift")
    told = [row["text"] for row in deployed.json("events")["events"] if row["event"] == "crashed"]
    assert sorted(told) == ["web.1: was ended after its supervisord", "worker.1: was ended after its supervisord"]


def test_the_agent_of_current_brings_the_formation_up_after_a_boot_without_systemd(deployed):
    deployed.deploy("ship")
    deployed.deploy("scale", "worker=2")
    pids = [row["pid"] for row in deployed.json("ps")["processes"]]
    Daemon(Layout(deployed.root, deployed.app, "local"), Client(deployed.root)).kill()
    for pid in pids:
        os.killpg(pid, signal.SIGKILL)
    program = [sys.executable, "-I", str(deployed.root / "current" / "agent.pyz")]
    subprocess.run([*program, "boot", str(deployed.root), deployed.app, "local"], check=True, cwd="/", timeout=60)
    assert deployed.get("/").strip() == "hello"
    assert deployed.processes() == {"web.1": "up", "worker.1": "up", "worker.2": "up"}
    assert deployed.differences() == []
    assert deployed.json("events")["events"][-1]["event"] == "booted"
