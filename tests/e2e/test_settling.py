"""A run is confirmed when all of it has stayed up; and for that everybody waits together, once."""

import os
import signal
import time

from .deployed import eventually

HEALTHY = 12  # seconds: far more than what a busy machine adds to it


def settling(tiny, seconds: str) -> None:
    """What tests say of healthy_time, said anew."""
    tiny.settings((tiny.folder / "deploy.yaml").read_text().replace("healthy_time: 300ms", f"healthy_time: {seconds}"))


def lives_again(deployed):
    """Whether web.1 has been started again, and is up."""
    row = next(row for row in deployed.json("ps")["processes"] if row["process"] == "web.1")
    return row["restarts"] and row["state"] == "up"


def test_nothing_is_left_of_a_first_release_that_crashes_after_it_has_answered(deployed, tiny):
    settling(tiny, "20s")
    tiny.behave(web="crash-after 1.5")
    failure = deployed.json("ship", code=30)["error"]
    assert "v1 did not start. There is no earlier release, so nothing is running" in failure["message"]
    assert not os.path.lexists(deployed.root / "current")
    assert deployed.processes() == {}
    assert deployed.json("releases")["releases"][0]["outcome"] == "failed"


def test_all_settle_together_and_once(deployed, tiny):
    settling(tiny, f"{HEALTHY}s")
    deployed.deploy("ship")
    tiny.say("another")
    shipped = deployed.json("ship")
    assert HEALTHY <= shipped["hosts"][0]["seconds"] < 2 * HEALTHY, "rehearsed, with a worker that cannot be"
    assert deployed.json("run", "v2")["hosts"][0]["seconds"] < HEALTHY / 2, "nothing was switched"
    killed = time.monotonic()
    os.kill(int(deployed.get("/pid")), signal.SIGKILL)
    eventually(lambda: lives_again(deployed), seconds=60, what="another life of web.1")
    deployed.deploy("run", "v2")
    assert time.monotonic() - killed >= HEALTHY, "no run had seen this life settle"
    assert HEALTHY <= deployed.json("rollback")["hosts"][0]["seconds"] < 2 * HEALTHY
    tiny.behave(web="crash-after 2")
    failed = deployed.run("ship")
    assert failed.code == 30
    assert "exited with code 3 after 2" in failed.err
    assert deployed.get("/").strip() == "hello"
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    assert deployed.differences() == []
