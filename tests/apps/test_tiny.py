"""The tiny app runs on its own, and misbehaves as it is told."""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from . import git, head, tiny_app
from .running import commands, free_port, get, running, wait_for


@pytest.fixture
def app(tmp_path):
    return tiny_app(tmp_path / "tiny")


@pytest.fixture
def web(app):
    @contextlib.contextmanager
    def start(**env):
        port = free_port()
        env = {"PORT": str(port), "DEPLOY_RELEASE": "v3", **env}
        with running(app.folder, commands(app.folder)["web"], env) as process:
            yield process, port

    return start


def test_it_answers_with_its_release_and_its_text(app, web):
    with web() as (_, port):
        assert wait_for(port, "/up") == (200, b"ok v3\n")
        assert get(port, "/") == (200, b"hello\n")


def test_a_change_of_its_text_is_a_commit_and_is_seen(app, web):
    before = head(app.folder)
    assert app.say("good evening") != before
    with web() as (_, port):
        assert wait_for(port, "/") == (200, b"good evening\n")


def test_it_hands_back_a_variable_byte_for_byte(app, web):
    value = 'a "b" $c #d\né\n' + "x" * 60_000
    with web(ODD=value) as (_, port):
        assert wait_for(port, "/env/ODD") == (200, value.encode())


def test_it_can_fail_its_health_check(app, web):
    app.behave(web="fail-health")
    with web() as (_, port):
        assert wait_for(port, "/up")[0] == 500


def test_it_can_crash_at_once_and_later(app, web):
    app.behave(web="crash")
    with web() as (process, _):
        assert process.wait(10) == 3
    app.behave(web="crash-after 0.5")
    with web() as (process, port):
        assert wait_for(port, "/up")[0] == 200
        assert process.wait(10) == 3


def test_it_can_stay_without_a_port(app, web):
    app.behave(web="never-bind")
    with web() as (process, port):
        assert process.stdout.readline() == "web v3: works\n"
        with pytest.raises(ConnectionRefusedError):
            get(port, "/up")


def test_it_stops_on_sigterm_unless_told_to_ignore_it(app, web):
    with web() as (process, port):
        wait_for(port, "/up")
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(10) in (0, -signal.SIGTERM)  # sh itself may get the signal
    app.behave(web="ignore-sigterm")
    with web() as (process, port):
        wait_for(port, "/up")
        pid = int(get(port, "/pid")[1])
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.3)
        assert get(port, "/up")[0] == 200


def test_it_can_leave_children_behind(app, web, tmp_path):
    app.behave(web="fork")
    with web(DATA_DIR=str(tmp_path / "data")) as (_, port):
        wait_for(port, "/up")
        assert len((tmp_path / "data/children").read_text().split()) == 2


def test_its_release_command_notes_that_it_ran_and_fails_when_told_to(app, tmp_path):
    env = {**os.environ, "DEPLOY_RELEASE": "v7", "DATA_DIR": str(tmp_path / "data")}
    command = commands(app.folder)["release"]
    subprocess.run(["sh", "-c", command], cwd=app.folder, env=env, check=True)
    assert (tmp_path / "data/migrations").read_text() == "v7\n"
    app.behave(release="fail")
    assert subprocess.run(["sh", "-c", command], cwd=app.folder, env=env, check=False).returncode == 1


def test_its_worker_ticks(app):
    with running(app.folder, commands(app.folder)["worker"], {"DEPLOY_RELEASE": "v3"}) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["worker v3: works\n", "worker v3: tick\n"]


def test_two_of_them_are_the_same_commit(app, tmp_path):
    assert head(tiny_app(tmp_path / "again").folder) == head(app.folder)
    assert git(app.folder, "status", "--porcelain") == ""
