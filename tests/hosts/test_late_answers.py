"""An agent that is silent for too long: its late answers are nobody's, and its session is never used again."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from deployer.core import requests, wire
from deployer.core.errors import HostUnreachable
from deployer.hosts.local import Local
from deployer.hosts.session import Session
from tests.hosts.test_host_conformance import programs, session, until

CLAIM = requests.Claim(0, "somebody", "deploy run", "2026-11-22T12:00:00Z")


@pytest.fixture
def host(tmp_path):
    """This machine, of which something has to be heard every second."""
    return Local(str(tmp_path / "root"), tmp_path / "cache", silence=7)


class Spoken:
    """A channel whose other end a test holds: it reads requests, and answers as it likes."""

    def __init__(self):
        ours, self.theirs = socket.socketpair()
        self.reader, self.writer = ours.makefile("rb"), ours.makefile("wb")
        self.theirs.sendall(wire.MAGIC)
        self.hears = self.theirs.makefile("rb")

    def close(self, *, timeout):
        """Nothing to wait for."""

    def complaint(self):
        """It has none."""
        return ""

    def asked(self):
        """The next request."""
        return wire.load(wire.read_frame(self.hears)[1])

    def says(self, kind, told):
        """Send a frame."""
        self.theirs.sendall(wire.frame(kind, wire.dump(told)))


@pytest.fixture
def spoken(host):
    channel = Spoken()
    return channel, Session(host, channel)


def test_what_comes_late_to_an_earlier_request_is_nobodys(spoken):
    channel, one = spoken
    heard = []

    def late(kind, payload):
        raise InterruptedError

    channel.says(wire.EVENT, {"event": "told", "text": "of the first"})
    with pytest.raises(InterruptedError):  # whoever waits for the first answer is interrupted
        one.call(requests.Switch("a"), requests.Switched, heard=late)
    assert channel.asked()["number"] == 1
    channel.says(wire.EVENT, {"event": "told", "text": "of the first, still"})
    channel.says(wire.REPLY, {"ok": {"draft": "of a Switch"}, "number": 1})
    channel.says(wire.EVENT, {"event": "told", "text": "of the second"})
    channel.says(wire.REPLY, {"ok": {}, "number": 2})
    assert one.call(requests.Append([]), requests.Done, heard=lambda _, said: heard.append(said)) == requests.Done()
    assert [wire.load(said)["text"] for said in heard] == ["of the second"]


def test_an_older_agent_that_numbers_nothing_is_understood(spoken):
    channel, one = spoken
    for _ in range(2):
        channel.says(wire.REPLY, {"ok": {"lines": ["a"]}})
    channel.says(wire.REPLY, {"error": {"kind": "run-failed", "message": "no"}})
    for then in ([requests.ReadLedger(3)], []):
        assert one.call(requests.ReadLedger(3), requests.LedgerLines, then=then).lines == ["a"]
    with pytest.raises(Exception, match="no"):
        one.call(requests.Look(), requests.Looked)


@pytest.mark.parametrize(
    "told", [{"ok": {}, "number": 9}, {"ok": {"no": "such field"}, "number": 1}, {"number": 1}, [], {"number": "x"}]
)
def test_an_answer_that_is_none_is_the_end_of_the_session_and_no_bug(spoken, told):
    channel, one = spoken
    channel.says(wire.REPLY, told)
    with pytest.raises(HostUnreachable, match="local: the agent is gone: it gave"):
        one.call(requests.Append([]), requests.Done)
    channel.says(wire.REPLY, {"ok": {}, "number": 2})
    with pytest.raises(HostUnreachable, match="local: the agent is gone: it gave"):
        one.call(requests.Append([]), requests.Done)


def test_a_session_that_missed_a_deadline_is_never_used_again_and_its_agent_lets_go(host):
    with session(host) as one:
        one.call(CLAIM, requests.Claimed)
        (pid,) = programs(Path(host.root))
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(2):  # the second time at once
                with pytest.raises(HostUnreachable, match="nothing was heard of it during Look"):
                    one.call(requests.Look(), requests.Looked)
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: not programs(Path(host.root)))  # though the session is not closed yet
        with pytest.raises(HostUnreachable, match="nothing was heard of it during Look"):
            one.call(requests.Look(), requests.Looked)


def test_what_is_sent_to_a_frozen_agent_is_not_waited_for_without_bound(host):
    with session(host) as one:
        (pid,) = programs(Path(host.root))
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        try:
            with pytest.raises(HostUnreachable, match="it takes nothing more"):
                one.call(requests.PutTool("x", "0" * 64), requests.Done, stream=(b"x" * 60_000 for _ in range(100)))
            assert time.monotonic() - begun < 30
        finally:
            os.kill(pid, signal.SIGKILL)
