"""What every way of reaching a host must be able to do; the same for `local` and over SSH."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

from deployer.core import requests
from deployer.core.errors import HostUnreachable, NotFound, TargetLocked
from deployer.core.release import Spec
from deployer.core.secret import Secret
from deployer.hosts.session import Session


def programs(root):
    """The agents that work on `root`, by pid: as a person finds them in a list of processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text() == "deployer-agent\n" and (folder / "cwd").readlink() == root:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
    return found


@contextmanager
def session(host):
    with Session(host, host.start()) as one:
        one.open(requests.Open("shop", "production", host.name, host.root))
        yield one


def test_the_agent_is_put_there_once_and_answers(reached):
    for _ in range(2):
        with session(reached.host()) as one:
            assert one.found.root == str(reached.root)
            agents = list((reached.root / "agent").iterdir())
            assert [path.suffix for path in agents] == [".pyz"]
            assert agents[0].stat().st_mode & 0o777 == 0o500
            assert agents[0].parent.stat().st_mode & 0o777 == 0o700
    assert len(list((reached.root / "agent").iterdir())) == 1


def test_one_finds_it_in_a_list_of_processes(reached):
    with session(reached.host()):
        assert len(programs(reached.root)) == 1


def test_what_it_says_of_itself_is_of_its_machine(reached):
    with session(reached.host()) as one:
        assert one.found.machine == os.uname().machine
        assert one.call(requests.Look(), requests.Looked).current == ""


def test_a_refusal_of_the_agent_keeps_its_kind(reached):
    with session(reached.host()) as one, pytest.raises(NotFound) as told:
        one.call(requests.ReadSpec(7), Spec)
    assert told.value.details["host"] == reached.host().name


def test_two_sessions_run_at_once(reached):
    with session(reached.host()) as one, session(reached.host()) as other:
        assert one.found.root == other.found.root
        assert len(programs(reached.root)) == 2


def test_one_of_two_writers_has_to_wait(reached):
    def claim(one):
        return one.call(requests.Claim(0, "somebody", "deploy run", "2026-11-22T12:00:00Z"), requests.Claimed)

    with session(reached.host()) as one, session(reached.host()) as other:
        claim(one)
        with pytest.raises(TargetLocked):
            claim(other)


def test_sessions_that_begin_at_once_put_one_agent_there(reached):
    hosts = [reached.host() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        channels = list(pool.map(lambda host: host.start(), hosts))
    for channel in channels:
        channel.close(timeout=10)
    assert [path.suffix for path in (reached.root / "agent").iterdir()] == [".pyz"]


def test_end_of_file_ends_the_agent_before_close_returns(reached):
    channel = reached.host().start()
    until(lambda: programs(reached.root))
    channel.close(timeout=10)
    assert programs(reached.root) == []


def test_an_agent_that_is_killed_is_told_of(reached):
    with session(reached.host()) as one:
        (pid,) = programs(reached.root)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(HostUnreachable, match=f"{one.host.name}: the agent is gone"):
            one.call(requests.Look(), requests.Looked)


def test_what_the_agent_complains_of_is_shown_when_it_dies(reached):
    with session(reached.host()):
        agent = next((reached.root / "agent").iterdir())
    agent.unlink()
    with ZipFile(agent, "w") as archive:
        for name in ("__main__.py", "deployer/__init__.py", "deployer/agent/__init__.py", "deployer/agent/__main__.py"):
            archive.writestr(name, "raise SystemExit('the disk has eaten me')" if "main" in name else "")
    with pytest.raises(HostUnreachable) as told, session(reached.host()):
        pass
    assert "the disk has eaten me" in told.value.output


def test_large_frames_go_through_unaltered(reached):
    value = Secret("x" * 300_000)
    with session(reached.host()) as one:
        one.call(requests.Claim(0, "somebody", "deploy config set", "2026-11-22T12:00:00Z"), requests.Claimed)
        one.call(requests.SetDraft({"LARGE": value}), requests.Done)
        assert one.call(requests.GetConfig(None), requests.Config).variables == {"LARGE": value}
