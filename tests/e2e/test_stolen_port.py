"""Another program takes the port in the moment in which nobody has it."""

import subprocess
import sys

import pytest

from .deployed import eventually

THIEF = """\
import socket, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
while True:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", port))
        taken.listen(5)
        break
    except OSError:
        taken.close()
        time.sleep(0.0005)
print("taken", flush=True)
time.sleep(seconds)
"""


@pytest.fixture
def thief(port):
    """Starts a program that takes the port as soon as nobody has it, and keeps it for so many seconds."""
    begun = []

    def start(seconds):
        words = [sys.executable, "-IS", "-c", THIEF, str(port), str(seconds)]
        begun.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()
        one.communicate()


def test_whoever_took_the_port_and_keeps_it_is_named_and_the_end_is_told_as_it_is(deployed, tiny, thief, port):
    deployed.deploy("ship")
    tiny.say("the second")
    taker = thief(600)
    error = deployed.json("ship", code=31)["error"]
    assert f"port {port} is held by pid {taker.pid} (" in error["message"]
    assert "v1 did not come up again either" in error["message"]
    assert f"end pid {taker.pid} (" in error["hint"]
    assert "no fixed one" not in error["hint"]  # it is not the app's mistake


def test_what_served_serves_again_where_whoever_took_the_port_goes_soon(deployed, tiny, thief, port):
    deployed.deploy("ship")
    tiny.say("the second")
    taker = thief(600)
    process = deployed.start("ship")
    assert taker.stdout.readline() == "taken\n"
    eventually(lambda: "restoring" in (deployed.root / "events").read_text(), seconds=90, what="the way back")
    eventually(lambda: list((deployed.root / "run" / "exits").glob("v1-web*")), seconds=60, what="v1's trying in vain")
    taker.kill()
    _, err = process.communicate(timeout=90)
    assert process.returncode == 30, err
    assert "v1 serves again" in err
    assert deployed.get("/").strip() == "hello"
