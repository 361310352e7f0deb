"""A type that is given its socket is shipped, rolled back, restarted, scaled and stopped, and nobody is turned away."""

from __future__ import annotations

import socket

import pytest

from tests.agent.owned import SERVER, ask, asked

from .deployed import eventually

SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{listen: socket, port: {port}, health: /up, healthy_time: 300ms, boot_timeout: 20s, stop_timeout: 5s}}
  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
targets:
  local:
    formation: {{web: 2, worker: 0}}
"""


@pytest.fixture
def owned(deployed, tiny, port):
    (tiny.folder / "owned.py").write_text(SERVER)
    tiny.settings(SETTINGS.format(port=port))
    tiny.procfile("web: python3 -IS owned.py\nworker: sleep 600\n")
    return deployed


def test_nobody_is_turned_away_whatever_is_done_to_the_formation(owned, tiny, port):
    owned.deploy("ship")
    with asked(port) as counted:
        tiny.say("second")
        owned.deploy("ship")
        eventually(lambda: counted["v2"] > 20, what="v2 to answer")
        owned.deploy("rollback")
        owned.deploy("restart")
        owned.deploy("scale", "web=3")
        owned.deploy("scale", "web=1")
        eventually(lambda: len(owned.processes()) == 1, what="one process to be left")
    assert set(counted) == {"v1", "v2"}, counted


def test_the_doctor_knows_who_holds_the_socket_for_us(owned, port):
    owned.deploy("ship")
    (found,) = [one for one in owned.run("doctor", "--json").document["findings"] if one["name"] == "ports"]
    assert found["ok"], found


def test_one_that_does_not_come_up_is_seen_though_the_old_ones_answer(owned, tiny, port):
    owned.deploy("ship")
    tiny.procfile("web: sleep 600\nworker: sleep 600\n")
    tiny.settings(SETTINGS.format(port=port).replace("20s", "2s"))
    with asked(port) as counted:
        refused = owned.run("ship")
    assert refused.code == 30
    assert "has taken no connection after 2 s" in refused.err
    assert set(counted) == {"v1"}, counted


def test_a_formation_that_is_stopped_refuses_connections(owned, port):
    owned.deploy("ship")
    owned.deploy("stop")
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
        pass
    owned.deploy("start")
    assert ask(port).startswith("v1 ")


def test_an_app_may_begin_and_cease_to_be_given_its_socket(owned, tiny, port):
    plain = (
        "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ['PORT']))"
    )
    text = SETTINGS.format(port=port)
    (tiny.folder / "plain.py").write_text(plain)
    tiny.procfile("web: python3 plain.py\nworker: sleep 600\n")
    tiny.settings(text.replace("listen: socket, ", "").replace("/up", "/").replace("web: 2", "web: 1"))
    owned.deploy("ship")
    tiny.procfile("web: python3 -IS owned.py\nworker: sleep 600\n")
    tiny.settings(text)
    owned.deploy("ship")
    assert ask(port).startswith("v2 ")
    owned.deploy("rollback")
    assert "Directory listing" in ask(port)
    owned.deploy("rollback", "v2")
    assert ask(port).startswith("v2 ")
