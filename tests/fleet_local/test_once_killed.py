"""Whoever is killed, and whenever: there never are two clocks, and a plain run has one again."""

import os
import random
import signal
from collections import Counter

import pytest

from tests.e2e.conftest import port  # noqa: F401 - a fixture
from tests.e2e.deployed import eventually
from tests.ssh.server import free_port

from .clocks import ClockFleet
from .fleet import healed
from .killing import Killing
from .redis_clock import Redis, RedisFleet

ASKED = ("Prepare", "Switch", "Append", "Retire", "Look")  # what the operator is killed before


@pytest.fixture
def fleet(tmp_path, port):  # noqa: F811
    """web1, whose ledger counts, web2 with the clock, and web3."""
    with ClockFleet(tmp_path, port=port) as one:
        one.clocks("web2")
        one.end_as("slow 0.5")
        one.deploy("ship")
        one.one("web2", "v1")
        yield one


def healed_to(fleet, host):
    """A plain run ends in 0, and the clock is on `host`; whoever looked before saw one at most."""
    fleet.one_at_most()
    healed(fleet, "run", "--wait", "30s")
    fleet.one(host, fleet.serves()[host])


def asked(fleet, trace, *words):
    """Each request before which an operator can be killed, with how often it is made."""
    fleet.deploy(*words, env={"DEPLOYER_FAULT_TRACE": str(trace)})
    passed = Counter(line.split(" ", 1)[1] for line in trace.read_text().splitlines())
    return [(f"ask.{name}", nth) for name in ASKED for nth in range(1, passed[f"ask.{name}"] + 1)]


@pytest.mark.slow
def test_the_operator_at_any_moment_of_a_move(fleet, tmp_path):
    hosts = ["web3", "web2"]
    fleet.clocks("web3")
    points = asked(fleet, tmp_path / "trace", "run")
    assert len(points) > 15
    for point, nth in points:
        hosts.reverse()
        fleet.clocks(hosts[0])
        ended = fleet.run("run", env={"DEPLOYER_FAULT": f"{point}:{nth}"})
        try:
            healed_to(fleet, hosts[0])
        except BaseException as error:
            error.add_note(f"killed at {point}:{nth} ({ended.code}): {ended.err}")
            raise


@pytest.mark.parametrize("point", ["ask.Append:1", "ask.Append:2", "ask.Switch:2", "ask.Append:4"])
def test_the_operator_in_a_move_to_a_new_release(fleet, point):
    fleet.clocks("web3")
    fleet.deploy("release")
    assert fleet.run("run", env={"DEPLOYER_FAULT": point}).code == -9
    healed_to(fleet, "web3")


def test_a_host_that_did_not_hear_that_it_gave_it_up_keeps_it_as_long_as_nobody_can_ask(fleet):
    fleet.clocks("web3")
    assert fleet.run("run", env={"DEPLOYER_FAULT": "ask.Append:2"}).code == -9  # web1 has the record, web2 has not
    eventually(lambda: fleet.beating() == [("web2", "v1")], what="web2 to go back")
    fleet.clocks()
    with fleet.down("web2"):
        told = fleet.run("run", "--allow-missing")
        assert (told.code, "web2: clock may have one process" in told.err) == (0, True), told.err
        assert fleet.beating() == [("web2", "v1")]
    fleet.deploy("run")
    fleet.one("web2", "v1")


def test_what_a_killed_move_leaves_is_told_and_mended(fleet):
    fleet.clocks("web3")
    assert fleet.run("run", env={"DEPLOYER_FAULT": "ask.Switch:2"}).code == -9  # the first was web2's, to give it up
    assert fleet.beating() == []
    eventually(lambda: not any((fleet.of(name) / "run" / "pending").exists() for name in fleet.names))
    assert fleet.differences() == ["web2: gave up clock, which no host has now"]
    fleet.deploy("converge", "--wait", "30s")
    fleet.one("web3", "v1")


@pytest.mark.parametrize("host", ["web2", "web3"])
@pytest.mark.parametrize("point", ["current.renamed", "switch.launched", "switch.ready", "ledger.published"])
def test_the_agent_of_the_old_host_or_the_new_one(fleet, host, point):
    fleet.clocks("web3")
    with fleet.armed(host, point):
        assert fleet.run("run").code != 0
        fleet.one_at_most()
    healed_to(fleet, "web3")


@pytest.mark.parametrize("point", ["current.renamed", "supervisor.process.unlink", "switch.launched", "switch.ready"])
def test_the_agent_while_the_new_clock_takes_the_place_of_the_old_one(fleet, point):
    fleet.tiny.say("two")
    with fleet.armed("web2", point):
        assert fleet.run("ship").code != 0
        fleet.one_at_most()
    eventually(lambda: fleet.beating() == [("web2", "v1")], what="the clock of before")
    healed_to(fleet, "web2")


def test_the_one_that_keeps_it_alive(fleet):
    pid = fleet.of("web2") / "run" / "supervisord.pid"
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert fleet.beating() == [("web2", "v1")]  # it goes on by itself
    healed_to(fleet, "web2")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    fleet.clocks("web3")
    healed_to(fleet, "web3")


def test_the_clock_itself(fleet):
    for _ in range(3):
        seen = [i for i in fleet.manager("web2").instances() if i.process.type == "clock" and i.state == "up"]
        os.killpg(seen[0].pid, signal.SIGKILL)
        eventually(lambda: fleet.beating() == [("web2", "v1")])
    fleet.one_at_most()


@pytest.mark.needs("redis-server")
def test_anybody_at_any_moment_of_five_deploys(tmp_path, port):  # noqa: F811
    """`python -m benchmarks.once` does so a hundred times."""
    redis = Redis(tmp_path, free_port())
    try:
        with RedisFleet(tmp_path, port=port, redis=redis) as fleet:
            fleet.deploy("ship")
            killing = Killing(fleet, random.Random(5))
            while killing.deploys < 5:
                killing.deploy()
            assert fleet.violations == []
            assert fleet.differences() == []
            assert killing.kills
    finally:
        redis.end()
