"""A command that was cut off, and the next one at once: what is put right is waited for, a living holder is not."""

import contextlib
import os
import signal
import time

import pytest

from deployer.agent import lease, procfs
from deployer.agent.lock import Lock

from .deployed import eventually

QUICK = "targets:\n  local: {confirm_timeout: 5s}\n"


@pytest.fixture
def served(deployed, tiny, port, fast):
    """v1 serves, of an app that may take 20 s to stop; on a host that takes a holder for frozen after 5 s."""
    tiny.settings(fast.format(app="tiny", port=port, more=QUICK).replace("stop_timeout: 2s", "stop_timeout: 20s"))
    deployed.deploy("ship")
    return deployed


@contextlib.contextmanager
def stopped_at(deployed, point, *words):
    """`deploy …`, of which one part stands still at a point; that part and the command are let go at the end."""
    process = deployed.start(*words, env={"DEPLOYER_FAULT": f"{point}:stop"})
    try:
        yield process, eventually(lambda: frozen(deployed, process.pid), seconds=90, what=point)
    finally:
        for pid in frozen(deployed, process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        process.kill()
        process.communicate()


def frozen(deployed, operator):
    """The processes of this target that stand still: the operator, its agent."""
    known = [*lease.holding(deployed.root / "lock"), operator] if (deployed.root / "lock").exists() else [operator]
    return [pid for pid in known if (found := procfs.stat(pid)) is not None and found.state == "T"]


def guards(deployed):
    """The shells that hold the lock beside the agent."""
    return [pid for pid in lease.holding(deployed.root / "lock") if "guard" in procfs.arguments(pid)]


def test_while_a_run_is_under_way_status_and_ps_say_so_and_another_writer_is_refused_at_once(deployed, tiny):
    deployed.deploy("ship")
    tiny.say("the second")
    with stopped_at(deployed, "ask.Append:2", "ship") as (process, _):
        told = deployed.json("status")
        assert (told["ok"], told["hosts"][0]["drift"]) == (True, [])
        assert "v2 is being run by " in told["hosts"][0]["changing"]
        seen = deployed.run("status")
        assert "running `deploy ship` since " in seen.err
        assert "converge" not in seen.err + seen.out
        assert "local: v2 is being run by " in deployed.run("ps").err
        begun = time.monotonic()
        refused = deployed.json("restart", code=41)["error"]
        assert time.monotonic() - begun < 15
        assert set(refused["details"]["holder"]) <= {"who", "from", "command", "at"}
        os.kill(process.pid, signal.SIGCONT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert deployed.json("status")["hosts"][0]["changing"] is None


def test_the_same_command_at_once_waits_for_what_a_killed_one_left(served, tiny):
    tiny.say("the second")
    with stopped_at(served, "current.renamed:1", "ship") as (process, (agent,)):  # it puts back slowly: it stands still
        process.kill()
        again = served.start("ship")
        told = next(line for line in again.stderr if "waiting for " in line)
        assert "running `deploy ship` since " in told
        os.kill(agent, signal.SIGCONT)
        _, err = again.communicate(timeout=120)
        assert again.returncode == 0, err
    assert served.get("/").strip() == "the second"
    assert served.differences() == []


def test_an_undo_does_not_wait_for_old_processes_that_are_ending_when_nobody_hears_of_it(served, tiny):
    tiny.behave(web="ignore-sigterm")
    served.deploy("ship")
    tiny.behave(web="ok")
    with stopped_at(served, "supervisor.stopProcess.done:3", "ship") as (process, (agent,)):
        process.kill()
        os.kill(agent, signal.SIGCONT)
        begun = time.monotonic()
        eventually(lambda: not Lock(served.root / "lock").held(), what="the lock")
        assert time.monotonic() - begun < 15
    assert served.current() == "v2"
    assert served.differences() == []


def test_a_frozen_agent_loses_the_lock_and_its_run_is_put_back(served, tiny):
    tiny.say("the second")
    with stopped_at(served, "current.renamed:1", "ship") as (process, (agent,)):
        assert agent != process.pid
        process.kill()
        again = served.run("ship")
        assert again.code == 0, again.err
        assert "nothing is heard of it" in again.err
        assert "was frozen, and was ended" in again.err
    assert served.get("/").strip() == "the second"
    assert served.differences() == []


def test_a_frozen_guard_does_not_keep_a_run_from_its_end_nor_the_lock(deployed):
    deployed.deploy("ship")
    with stopped_at(deployed, "ask.Append:1", "restart") as (process, _):
        (guard,) = guards(deployed)
        os.kill(guard, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGCONT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert procfs.started(guard) is None
    assert not Lock(deployed.root / "lock").held()


@pytest.mark.slow
def test_an_operator_whose_agent_is_frozen_ends_by_itself_with_the_truth(served, tiny):
    tiny.say("the second")
    with stopped_at(served, "current.renamed:1", "ship") as (process, _):
        _, err = process.communicate(timeout=120)  # though the agent is never let go
        assert process.returncode == 30, err
        assert "BadFrame" not in err
    assert served.get("/").strip() == "hello"
    assert served.differences() == []
    assert served.deploy("ship") == "v3"
