"""What a host does alone when processes end, and how it is told."""

import os
import signal

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
