"""What fails, fails with its exit code, says why, and leaves what served before serving."""

import os
import socket

import pytest

from deployer.agent import procfs
from deployer.agent.layout import Layout
from deployer.agent.supervisor_client import Client
from deployer.agent.supervisor_daemon import Daemon

from .deployed import eventually


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("fail-health", "/up"),
        ("never-bind", "listen"),
        ("crash", "exited with code"),
        ("crash-after 0.1", "exited with code"),
    ],
)
def test_a_release_that_does_not_come_up_is_put_back(deployed, tiny, behaviour, told):
    tiny.say("good")
    deployed.deploy("ship")
    tiny.behave(web=behaviour)
    result = deployed.run("ship")
    assert result.code == 30
    assert told in result.err
    untouched = "v1 serves on, untouched" in result.err
    assert untouched or (behaviour.startswith("crash-after") and "v1 serves again" in result.err)
    assert deployed.current() == "v1"
    assert deployed.get("/").strip() == "good"
    assert deployed.differences() == []
    assert deployed.json("releases")["releases"][0]["outcome"] == "restored"


def test_a_worker_that_crashes_in_its_healthy_time_fails_the_run(deployed, tiny):
    slow = (
        (tiny.folder / "deploy.yaml")
        .read_text()
        .replace("worker: {stop_timeout: 2s, healthy_time: 300ms}", "worker: {healthy_time: 3s}")
    )
    tiny.settings(slow)
    deployed.deploy("ship")
    tiny.behave(worker="crash-after 0.1")
    deployed.deploy("ship", code=30)
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    assert deployed.differences() == []


def test_the_last_lines_of_what_failed_are_shown(deployed, tiny):
    deployed.deploy("ship")
    tiny.behave(web="crash")
    failure = deployed.json("ship", code=30)["error"]
    assert failure["code"] == 30
    assert failure["kind"] == "run-failed"
    assert failure["hosts"][0]["release"] in (1, "v1")
    assert "crash" in deployed.run("ship").err


def test_a_first_release_that_fails_leaves_nothing_running(deployed, tiny):
    tiny.behave(web="crash")
    deployed.deploy("ship", code=30)
    assert not os.path.lexists(deployed.root / "current")
    assert deployed.processes() == {}
    deployed.deploy("status")
    tiny.behave(web="ok")
    deployed.deploy("ship")
    assert deployed.get("/").strip() == "hello"


def test_a_release_command_that_fails_switches_nothing(deployed, tiny):
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    tiny.behave(release="fail")
    result = deployed.run("ship")
    assert result.code == 21
    assert deployed.get("/pid") == pid
    assert deployed.json("releases")["releases"][0]["outcome"] == "failed"
    tiny.behave(release="ok")
    tiny.say("better")
    deployed.deploy("ship")
    assert deployed.deploy("rollback") == "v1"


def test_the_release_command_runs_once_for_a_release(deployed, tiny, tmp_path):
    deployed.deploy("config", "set", f"DATA_DIR={tmp_path}")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("ship")
    deployed.deploy("rollback")
    deployed.deploy("run", "v2")
    assert (tmp_path / "migrations").read_text().split() == ["v1", "v2"]


def test_a_port_that_somebody_else_has_is_told_and_nothing_is_touched(deployed, tiny):
    with socket.create_server(("127.0.0.1", deployed.port)):
        result = deployed.run("ship")
    assert result.code == 30
    assert f"port {deployed.port}" in result.err
    deployed.deploy("run")
    assert deployed.get("/").strip() == "hello"


def test_a_crashed_process_comes_back(deployed):
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    os.kill(int(pid), 9)
    eventually(lambda: deployed.get("/pid") != pid, what="the restart")
    row = deployed.json("ps")["processes"][0]
    assert row["restarts"] == 1
    deployed.deploy("status")


def test_status_tells_drift(deployed):
    deployed.deploy("ship")
    os.rename(deployed.root / "current", deployed.root / "elsewhere")
    assert "current" in deployed.run("status").out + deployed.run("status").err
    deployed.deploy("status", code=50)
    deployed.deploy("run")
    deployed.deploy("status")


def test_when_supervisord_and_its_keeper_died_status_says_so_and_run_mends_it(deployed):
    deployed.deploy("ship")
    files = Layout(deployed.root, deployed.app, "local")
    Daemon(files, Client(files.root)).kill()
    deployed.deploy("status", code=50)
    deployed.deploy("run")
    deployed.deploy("status")
    assert deployed.get("/").strip() == "hello"


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(deployed, tiny):
    tiny.behave(web="ignore-sigterm")
    deployed.deploy("ship")
    group = int(deployed.get("/pid"))
    tiny.behave(web="ok")
    deployed.deploy("ship")
    assert procfs.members(group) == []  # a zombie may be left for init to reap


def test_an_update_that_stops_first_has_no_two_at_once(deployed, tiny, fast):
    text = fast.format(app="tiny", port=deployed.port, more="").replace("worker: {", "worker: {update: stop-first, ")
    tiny.settings(text)
    deployed.deploy("ship")
    deployed.deploy("scale", "worker=2")
    tiny.say("second")
    deployed.deploy("ship")
    assert deployed.processes() == {"web.1": "up", "worker.1": "up", "worker.2": "up"}
    assert deployed.differences() == []


@pytest.mark.parametrize(
    "words",
    [
        ["run", "v9"],
        ["show", "v9"],
        ["release", "abcdef123456"],
        ["rollback"],
        ["ps", "-t", "mars"],
        ["scale", "web=many"],
        ["scale", "nothing=1"],
        ["config", "get", "NOTHING"],
        ["config", "set", "1X=2"],
        ["config", "set", "PORT=2"],
        ["restart"],
        ["logs", "nothing"],
        ["exec", "--", "true"],
        ["frobnicate"],
        ["build", "no-such-branch"],
        ["build", "--", "-x"],
        ["release", "--expect", "v7"],
        ["release", "--config-from", "v7"],
        ["run", "--wait", "soon"],
    ],
)
def test_bad_input_gets_one_clear_message_and_a_documented_code(deployed, words):
    result = deployed.run(*words)
    assert result.code in (2, 3, 20), (result.code, result.err)
    assert result.err.strip()
    assert "Traceback" not in result.err
    assert "bug" not in result.err
    assert result.out == ""


@pytest.mark.parametrize("behaviour", ["fail-health", "never-bind", "crash"])
def test_a_release_that_cannot_come_up_interrupts_nobody(deployed, tiny, behaviour):
    tiny.say("good")
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    tiny.behave(web=behaviour)
    process = deployed.start("ship")
    asked = 0
    while process.poll() is None:
        assert deployed.get("/pid", seconds=0) == pid
        asked += 1
    process.communicate()
    assert process.returncode == 30
    assert asked > 10
    assert deployed.get("/pid") == pid
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    assert "v2" in deployed.deploy("logs", "--release", "v2", "web.0")


def test_a_folder_of_somebody_else_s_where_current_would_be_is_refused_before_anything(deployed, tiny, tmp_path):
    place = tmp_path / "srv"
    (place / "current" / "public").mkdir(parents=True)
    tiny.settings((tiny.folder / "deploy.yaml").read_text() + f"targets:\n  local: {{path: {place}}}\n")
    deployed.place = place
    refused = deployed.run("config", "set", "A=1")
    assert refused.code == 20
    assert f"{place}/current is a folder that deployer did not make" in refused.err
    assert sorted(os.listdir(place)) == ["agent", "current"]
    command = next(part for part in refused.err.split("`") if part.startswith("mv ")).split()
    os.rename(*command[1:])
    deployed.deploy("config", "set", "A=1")
    assert (place / "current.before" / "public").is_dir()
