"""A socket unit outlives releases, crashes and the boot of its host; nobody is turned away by a run."""

from __future__ import annotations

import contextlib

import pytest

from tests.agent.owned import SERVER, ask, asked
from tests.e2e.deployed import eventually

from .one_host import PORT, OneHost

UNIT = "tiny-production-web.socket"


@pytest.fixture(scope="module", params=["root", "deploy"])
def owned(request, lab, host, tmp_path_factory):
    """The app, whose web processes are given their socket."""
    one = OneHost(lab, host, tmp_path_factory.mktemp(request.param), request.param)
    (one.folder / "owned.py").write_text(SERVER)
    one.tiny.procfile("web: python3 -IS owned.py\nworker: sleep 600\n")
    one.settings(web="listen: socket")
    one.deploy("ship")
    one.tiny.say("second")
    one.deploy("release")  # every test begins and ends with v1, and has v2
    yield one
    one.deploy("stop")


def answers(one: OneHost) -> str:
    """What is said, '' where nobody answers."""
    with contextlib.suppress(OSError):
        return ask(PORT, host=one.host.address)
    return ""


def test_a_run_a_rollback_and_a_restart_turn_nobody_away(owned):
    with asked(PORT, host=owned.host.address) as counted:
        owned.deploy("run", "v2")
        eventually(lambda: counted["v2"] > 20, seconds=30, what="v2 to answer")
        owned.deploy("rollback", "v1")
        owned.deploy("restart")
        owned.deploy("scale", "web=1")
        owned.deploy("scale", "web=2")
    assert set(counted) == {"v1", "v2"}, counted


def test_the_socket_is_there_again_after_a_boot(owned):
    owned.host.reboot()
    eventually(lambda: answers(owned).startswith("v1 "), seconds=90, what="the formation to answer")
    assert "ActiveState=active" in owned.systemctl("show", UNIT, "--property=ActiveState")
    assert owned.json("status")["ok"]
    with asked(PORT, host=owned.host.address) as counted:
        owned.deploy("run", "v2")
        eventually(lambda: counted["v2"] > 20, seconds=30, what="v2 to answer")
        owned.deploy("rollback", "v1")
    assert set(counted) == {"v1", "v2"}, counted


def test_a_stop_closes_the_socket_and_a_start_opens_it(owned):
    owned.deploy("stop")
    with pytest.raises(ConnectionRefusedError):
        ask(PORT, host=owned.host.address)
    assert owned.systemctl("list-unit-files", "--no-legend", UNIT) == ""
    owned.deploy("start")
    assert answers(owned)


def test_a_type_that_binds_its_port_again_has_no_socket_left(owned):
    owned.settings()
    plain = (
        "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ['PORT']))"
    )
    (owned.folder / "plain.py").write_text(plain)
    (owned.folder / "up").write_text("up\n")
    owned.tiny.procfile("web: python3 plain.py\nworker: sleep 600\n")
    owned.deploy("ship")
    assert owned.systemctl("list-unit-files", "--no-legend", UNIT) == ""
    assert owned.get_from("/up") is not None
    owned.deploy("rollback")
    assert answers(owned).startswith("v")
