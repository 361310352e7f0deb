"""A socket unit gets another port, another type, or goes: whether that succeeds or not, the next crash is survived."""

from __future__ import annotations

import pytest

from tests.e2e import moving

from .one_host import PORT, SETTINGS, OneHost


@pytest.fixture(scope="module")
def one(lab, host, tmp_path_factory):
    """The app of root, not shipped yet."""
    made = OneHost(lab, host, tmp_path_factory.mktemp("moved"), "root")
    made.tiny.say("first")
    yield made
    made.run("stop")


def test_whatever_becomes_of_a_socket_unit_the_next_crash_is_survived(one):
    def settings(kind: str, process: str) -> None:
        head, _, tail = SETTINGS.partition("  web: ")
        target = tail.partition("targets:")[2].replace("{web: 2, worker: 1}", f"{{{kind}: 1}}")
        text = f"{head}  {process}\ntargets:{target}"
        one.tiny.settings(text.replace("USER", "root").replace("MANAGER", "systemd"))

    def kill(pid: int) -> None:
        one.host.run(f"kill -9 {pid}")

    moving.every_move_fails_and_succeeds(one, one.tiny, settings, kill, one.host.address)


def test_a_socket_that_systemd_has_lost_is_told_and_opened_again_by_a_run(one):
    unit = "tiny-production-web.socket"
    path = f"/etc/systemd/system/{unit}"
    one.host.run(f"sed -i s/ListenStream=.*/ListenStream={PORT + 9}/ {path} && systemctl daemon-reload")
    one.host.run(f"sed -i s/ListenStream=.*/ListenStream={PORT}/ {path} && systemctl daemon-reload")
    told = one.run("status")
    assert told.code == 50, told.out
    assert f"nobody holds the socket of web (port {PORT})" in told.err
    one.deploy("run")
    release = one.named()
    moving.survives_a_crash(one, lambda pid: one.host.run(f"kill -9 {pid}"), one.host.address, PORT, release)
