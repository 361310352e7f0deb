"""One writer per target: who holds it is told, and it is free soon after its holder is gone, however that went."""

import json
import os
import signal
import time

import pytest

from tests.e2e.deployed import eventually

NEVER = "sleep 300"


@pytest.fixture
def held(fleet):
    """v1 serves; `deploy ship` of another holds the target, in its release command."""
    fleet.deploy("ship")
    lines = (fleet.folder / "Procfile").read_text()
    fleet.tiny.procfile(lines.replace("release: ", f"release: {NEVER}; "))
    holder = fleet.start("ship")
    eventually((fleet.of("web1") / "run" / "command").exists, what="the release command")
    fleet.tiny.procfile(lines)
    yield holder
    if holder.poll() is None:
        os.killpg(holder.pid, signal.SIGKILL)
    holder.communicate()


def test_who_holds_the_target_is_told_in_full(fleet, held):
    refused = fleet.run("restart", "--json")
    assert refused.code == 41
    error = json.loads(refused.out)["error"]
    holder = error["details"]["holder"]
    assert holder["command"] == "deploy ship"
    assert holder["from"] == "127.0.0.1"
    assert "@" in holder["who"]
    assert f"{holder['who']} (from 127.0.0.1), running `deploy ship` since {holder['at']}" in error["message"]
    assert f"web1: held by {holder['who']}" in fleet.run("status").err
    assert fleet.serves() == dict.fromkeys(fleet.names, "v1")


def test_a_waiter_is_told_for_whom_and_goes_on_soon_after_the_holder_was_killed(fleet, held):
    waiter = fleet.start("restart", "--wait", "60s")
    assert waiter.stderr is not None
    told = next(line for line in waiter.stderr if "waiting for " in line)
    assert "running `deploy ship`" in told
    held.kill()
    began = time.monotonic()
    _, err = waiter.communicate(timeout=60)
    assert waiter.returncode == 0, err
    assert time.monotonic() - began < 25
    assert fleet.serves() == dict.fromkeys(fleet.names, "v1")
    assert fleet.differences() == []


@pytest.mark.slow
def test_a_frozen_holder_loses_the_target_and_is_refused_when_it_wakes(fleet, held):
    os.kill(held.pid, signal.SIGSTOP)
    fleet.tiny.say("the second writer's")
    second = fleet.deploy("ship", "--wait", "60s")
    records = fleet.ledger("web1")
    os.kill(held.pid, signal.SIGCONT)
    out, err = held.communicate(timeout=90)
    assert held.returncode == 40, err
    assert out == ""
    assert fleet.ledger("web1") == records
    assert fleet.serves() == dict.fromkeys(fleet.names, second)
    assert fleet.differences() == []


@pytest.mark.slow
def test_one_that_froze_in_the_middle_of_its_switch_is_undone_and_cannot_confirm_it_later(fleet):
    fleet.deploy("ship")
    fleet.tiny.behave(web="never-bind")
    lines = (fleet.folder / "deploy.yaml").read_text()
    fleet.tiny.settings(lines.replace("boot_timeout: 5s", "boot_timeout: 5m").replace("health: /up, ", ""))
    first = fleet.start("ship")
    try:
        eventually((fleet.of("web2") / "run" / "pending").exists, what="the switch on web2")
        os.kill(first.pid, signal.SIGSTOP)
        fleet.tiny.behave(web="ok")
        fleet.tiny.settings(lines)
        third = fleet.deploy("ship", "--wait", "60s")
        os.kill(first.pid, signal.SIGCONT)
        _, err = first.communicate(timeout=120)
        assert first.returncode in (30, 31, 40), err
    finally:
        first.kill()
        first.communicate()
    assert third == "v3"
    assert fleet.serves() == dict.fromkeys(fleet.names, third)
    assert fleet.differences() == []
    fleet.deploy("run")
