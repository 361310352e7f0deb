"""scale, restart, stop, start, logs, exec; the lock."""

import os
import signal
import time

import pytest

from .deployed import eventually


def test_scale_starts_and_ends_only_what_changes(deployed):
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    deployed.deploy("scale", "web=3", "worker-1")
    assert deployed.processes() == {"web.1": "up", "web.2": "up", "web.3": "up"}
    assert deployed.get("/pid") == pid
    assert deployed.get("/env/PORT", number=3).strip() == str(deployed.port + 2)
    deployed.deploy("scale", "web-2", "worker+1")
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    deployed.deploy("status")


def test_a_scaled_formation_stays_with_the_next_release(deployed, tiny):
    deployed.deploy("ship")
    deployed.deploy("scale", "web=2")
    tiny.say("second")
    deployed.deploy("ship")
    assert [deployed.get("/", number=n).strip() for n in (1, 2)] == ["second", "second"]


def test_restart_one_restarts_one(deployed):
    deployed.deploy("ship")
    deployed.deploy("scale", "web=2")
    before = [deployed.get("/pid", number=n) for n in (1, 2)]
    deployed.deploy("restart", "web.2")
    after = [deployed.get("/pid", number=n) for n in (1, 2)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_stop_ends_everything_and_start_brings_it_back(deployed):
    deployed.deploy("ship")
    deployed.deploy("stop")
    assert deployed.processes() == {}
    deployed.deploy("status")
    deployed.deploy("start")
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}


def test_ports_stay_when_the_procfile_gets_a_line(deployed, tiny):
    deployed.deploy("ship")
    before = {row["process"]: row["port"] for row in deployed.json("ps")["processes"]}
    lines = (tiny.folder / "Procfile").read_text()
    tiny.procfile("another: exec sleep 1000\n" + lines)
    deployed.deploy("ship")
    after = {row["process"]: row["port"] for row in deployed.json("ps")["processes"]}
    assert {name: after[name] for name in before} == before


def test_logs_show_what_a_process_wrote(deployed):
    deployed.deploy("ship")
    eventually(lambda: "worker" in deployed.deploy("logs", "worker"), what="the worker's ticks")
    assert "web" not in deployed.deploy("logs", "worker.1", "-n", "1").split("|")[0]
    process = deployed.start("logs", "-f", "worker")
    first = process.stdout.readline()
    second = process.stdout.readline()
    assert first.strip()
    assert second.strip()
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=20)


def test_exec_streams_both_ways_and_gives_the_exit_code(deployed):
    deployed.deploy("config", "set", "COLOUR=red")
    deployed.deploy("ship")
    assert deployed.run("exec", "--", "sh", "-c", "echo $COLOUR; echo oops >&2; exit 7").code == 7
    result = deployed.run("exec", "--", "sh", "-c", "echo $COLOUR; echo oops >&2")
    assert (result.out, result.err.strip()) == ("red\n", "oops")
    big = "x" * 300_000 + "\n"
    assert deployed.run("exec", "--", "cat", text=big).out == big
    assert deployed.run("exec", "--", "no-such-command").code != 0
    assert deployed.run("exec", "--", "sh", "-c", "kill -9 $$").code == 137


def test_the_lock_names_its_holder_waits_and_dies_with_it(deployed, tiny):
    deployed.deploy("ship")
    tiny.procfile((tiny.folder / "Procfile").read_text().replace("release: ", "release: sleep 60; "))
    holder = deployed.start("ship")
    eventually((deployed.root / "run" / "command").exists, what="the release command")
    refused = deployed.run("restart")
    assert refused.code == 41
    assert "ship" in refused.err
    waiter = deployed.start("restart", "--wait", "60s")
    os.kill(holder.pid, signal.SIGKILL)
    began = time.monotonic()
    _, err = waiter.communicate(timeout=60)
    assert waiter.returncode == 0, err
    assert time.monotonic() - began < 30
    holder.communicate()
    assert deployed.differences() == []


@pytest.mark.slow
def test_a_holder_that_falls_silent_loses_the_lock(deployed, tiny):
    deployed.deploy("ship")
    tiny.behave(web="never-bind")
    tiny.settings((tiny.folder / "deploy.yaml").read_text().replace("boot_timeout: 5s", "boot_timeout: 5m"))
    holder = deployed.start("ship")
    eventually((deployed.root / "run" / "pending").exists, what="the switch")
    os.kill(holder.pid, signal.SIGSTOP)
    began = time.monotonic()
    deployed.deploy("restart", "--wait", "90s")
    assert time.monotonic() - began < 60
    assert deployed.current() == "v1"
    os.kill(holder.pid, signal.SIGCONT)
    _, err = holder.communicate(timeout=60)
    assert holder.returncode not in (0, None), err
    assert deployed.differences() == []


def test_a_type_that_the_formation_forgot_is_told_of(deployed, tiny, fast):
    settings = fast.format(app="tiny", port=deployed.port, more="targets:\n  local:\n    formation: {web: 1}\n")
    tiny.settings(settings)
    assert "does not name worker" in deployed.run("release").err
    tiny.settings(settings.replace("{web: 1}", "{web: 1, worker: 0}"))
    assert "worker" not in deployed.run("release").err
