"""The user's release command, doing what such commands do."""

import os
import signal
import time

from deployer.agent import procfs
from tests.e2e.deployed import eventually

from .test_sessions import FLOOD, running, with_release


def test_a_last_line_without_its_end_is_shown(deployed, tiny):
    with_release(tiny, "printf 'no such table'; exit 3")
    result = deployed.run("ship")
    assert result.code == 21
    assert "no such table" in result.err


def test_output_without_a_line_end_is_no_trouble(deployed, tiny):
    with_release(tiny, "head -c 20000000 /dev/zero | tr '\\0' x")
    deployed.deploy("release")
    begun = time.monotonic()
    deployed.deploy("run", "-q")
    assert time.monotonic() - begun < 30


def test_what_it_leaves_writing_does_not_keep_it_from_ending(deployed, tiny):
    with_release(tiny, f"({FLOOD}) & exit 0")
    deployed.deploy("ship", "-q")


def test_one_that_writes_elsewhere_ends_with_its_operator(deployed, tiny):
    with_release(tiny, "sleep 976532 >/dev/null 2>&1")
    operator = deployed.start("ship")
    try:
        (pid,) = eventually(lambda: running("sleep", "976532"))
        os.kill(operator.pid, signal.SIGINT)
        operator.communicate(timeout=30)
        assert operator.returncode == 130
        assert procfs.started(pid) is None
    finally:
        operator.kill()
        operator.communicate()


def test_one_whose_agent_died_is_ended_wherever_it_went(deployed, tiny):
    deployed.deploy("ship")
    with_release(tiny, "setsid sleep 966532")
    operator = deployed.start("ship")
    try:
        (pid,) = eventually(lambda: running("sleep", "966532"))
        for process in procfs.everyone():
            if procfs.arguments(process.pid)[-1:] == ["serve"] and str(deployed.root) in "".join(
                procfs.arguments(process.pid)
            ):
                os.kill(process.pid, signal.SIGKILL)
        operator.communicate(timeout=30)
        assert operator.returncode == 40
        deployed.deploy("restart", "--wait", "10s")
        assert procfs.started(pid) is None
    finally:
        operator.kill()
        operator.communicate()


def test_one_that_hangs_is_ended_when_its_time_is_over_with_all_it_began(deployed, tiny, fast, port):
    deployed.deploy("ship")
    target = "targets:\n  local: {release_timeout: 2s}\n"
    tiny.settings(fast.format(app="tiny", port=port, more=target))
    with_release(tiny, "echo begun; setsid sleep 956532 & sleep 956533")
    result = deployed.run("ship")
    assert result.code == 21, result.err
    assert "did not end within 2 s" in result.err
    assert "begun" in result.err
    assert running("sleep", "956532") + running("sleep", "956533") == []
    assert deployed.current() == "v1"
    with_release(tiny, "true")
    deployed.deploy("ship")
