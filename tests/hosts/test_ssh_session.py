"""A session over SSH: what surrounds it on the host, much data, old Pythons, lines that go silent."""

import ast
import hashlib
import os
import signal
import threading
import time
import tracemalloc

import pytest

from deployer.core import requests
from deployer.core.errors import HostUnreachable
from deployer.hosts import bootstrap
from deployer.hosts.ssh import SshAccess
from deployer.hosts.ssh_channel import opened
from deployer.hosts.ssh_settings import SshSettings
from tests.hosts.test_host_conformance import programs, session
from tests.ssh.server import descendants
from tests.test_architecture import python39

MEGABYTE = 1 << 20
PYTHON39 = python39()


def test_what_login_scripts_print_disturbs_nothing(over_ssh):
    noise = "echo 'Welcome!'; head -c 100000 /dev/zero | tr '\\0' x; printf 'no end of line'; echo oops >&2\n"
    (over_ssh.sshd.home / ".bashrc").write_text(noise)
    for _ in range(2):  # with the agent sent, and with the agent there
        with session(over_ssh.host()) as one:
            assert one.found.root == str(over_ssh.root)


def test_a_banner_of_sshd_disturbs_nothing(over_ssh):
    banner = over_ssh.folder / "banner"
    banner.write_text("Authorised use only.\n" * 50)
    over_ssh.sshd.stop()
    over_ssh.sshd.options = [f"Banner {banner}"]
    over_ssh.sshd.start()
    with session(over_ssh.host()) as one:
        assert one.found.root == str(over_ssh.root)


def test_the_root_may_be_below_the_home_of_the_user_who_logs_in(over_ssh):
    with session(over_ssh.host(root="~/apps/shop")) as one:
        assert one.found.root == f"{over_ssh.sshd.home}/apps/shop"
    assert len(list((over_ssh.sshd.home / "apps/shop/agent").iterdir())) == 1


@pytest.mark.skipif(PYTHON39 is None, reason="needs Python 3.9")
def test_the_agent_runs_under_python_3_9(over_ssh):
    over_ssh.sshd.python(PYTHON39)
    for _ in range(2):
        with session(over_ssh.host()) as one:
            assert one.found.python.startswith("3.9.")
            assert one.call(requests.Look(), requests.Looked).present == []


def test_one_login_and_one_exec_for_a_session(over_ssh):
    with session(over_ssh.host()) as one:
        for _ in range(5):
            one.call(requests.Look(), requests.Looked)
    log = over_ssh.sshd.log.read_text()
    assert log.count("Accepted publickey") == 1
    assert log.count("Starting session: command") == 1
    assert "sftp" not in log


def test_no_more_than_the_thread_of_the_transport_is_left_per_host(over_ssh):
    before = threading.active_count()
    channel = over_ssh.host().start()
    assert threading.active_count() == before + 1
    channel.close(timeout=10)


def test_ciphers_with_gcm_are_preferred_and_others_will_do(over_ssh):
    channel = over_ssh.host().start()
    assert "gcm" in channel._transport.local_cipher
    channel.close(timeout=10)
    over_ssh.sshd.stop()
    over_ssh.sshd.options = ["Ciphers aes256-ctr"]
    over_ssh.sshd.start()
    channel = over_ssh.host().start()
    assert channel._transport.local_cipher == "aes256-ctr"
    channel.close(timeout=10)


COPY = """exec python3 -IS -c '
import hashlib, os
digest, size = hashlib.sha256(), 0
while True:
    part = os.read(0, 1 << 16)
    if not part:
        break
    digest.update(part)
    size += len(part)
os.write(1, ("%d %s" % (size, digest.hexdigest())).encode())
'"""


def running(reached, command, settings=None):
    access = SshAccess(settings or SshSettings(), reached.home)
    return opened(access.logins, access.routes.to("web1"), command)


@pytest.mark.parametrize("options", [[], ["RekeyLimit 16M"]], ids=["", "rekeying"])
def test_a_hundred_megabytes_are_sent_in_bounded_memory(over_ssh, options):
    over_ssh.sshd.stop()
    over_ssh.sshd.options = options
    over_ssh.sshd.start()
    channel = running(over_ssh, COPY)
    part = os.urandom(64 * 1024)
    digest = hashlib.sha256(part * 1600)
    tracemalloc.start()
    for _ in range(1600):
        channel.writer.write(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    channel._channel.shutdown_write()
    assert channel.reader.read().decode() == f"{100 * MEGABYTE} {digest.hexdigest()}"
    assert peak < 4 * MEGABYTE
    channel.close(timeout=10)


def test_a_host_that_is_slow_to_take_holds_the_sender_back(over_ssh):
    channel = running(over_ssh, "exec sleep 60", SshSettings(silence=1))
    with pytest.raises(TimeoutError):
        channel.writer.write(bytes(64 * MEGABYTE))
    channel.drop()


def test_much_on_stderr_does_not_stop_what_comes_on_stdout(over_ssh):
    channel = running(over_ssh, "head -c 20000000 /dev/zero >&2; echo the end >&2; echo done", SshSettings(silence=20))
    assert channel.reader.readline() == b"done\n"
    assert channel.complaint().endswith("the end\n")
    assert len(channel.complaint()) == 4000
    channel.close(timeout=10)


def test_a_host_that_goes_silent_is_noticed(over_ssh):
    """sshd's processes are stopped: the connection stays, and nobody is at its other end."""
    access = SshAccess(SshSettings(silence=2), over_ssh.home)
    with session(over_ssh.host(access=access)) as one:
        stopped = descendants(over_ssh.sshd.process.pid)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(HostUnreachable, match="nothing was heard of it"):
                one.call(requests.Look(), requests.Looked)
            assert time.monotonic() - began < 10
            one._channel.drop()
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


def test_an_sshd_that_dies_is_noticed_at_once(over_ssh):
    with session(over_ssh.host()) as one:
        over_ssh.sshd.stop()
        began = time.monotonic()
        with pytest.raises(HostUnreachable, match="web1: the agent is gone"):
            one.call(requests.Look(), requests.Looked)
        assert time.monotonic() - began < 5


def test_an_agent_that_was_damaged_on_the_way_is_not_kept(over_ssh):
    agent = bootstrap.Agent("shop", str(over_ssh.root), "0" * 64, b"not what was promised")
    channel = running(over_ssh, bootstrap.COMMAND)
    with pytest.raises(HostUnreachable, match="did not arrive as it was sent"):
        bootstrap.begin(channel, agent, host="web1", sudo=False)
    assert list((over_ssh.root / "agent").iterdir()) == []
    channel.close(timeout=10)


def test_an_operator_that_is_lost_while_it_sends_the_agent_leaves_nothing(over_ssh):
    channel = running(over_ssh, bootstrap.COMMAND)
    host = over_ssh.host()
    agent = bootstrap.Agent.of("shop", str(over_ssh.root), over_ssh.folder / "cache")
    channel.writer.write(bootstrap.introduction(agent))
    assert b"needs" in channel.reader.readline()
    channel.writer.write(agent.content[:-10])
    channel.close(timeout=10)
    assert list((over_ssh.root / "agent").iterdir()) == []
    with session(host):
        assert programs(over_ssh.root)


def test_the_command_is_a_constant_that_every_shell_understands():
    for command in (bootstrap.COMMAND, bootstrap.AS_ROOT):
        assert command.count("'") == 2
        assert not set(command) & set("\\\n!$`%{}")


def test_the_bootstrap_is_understood_by_every_python_3():
    tree = ast.parse(bootstrap.SCRIPT.read_text(), feature_version=(3, 4))
    assert not any(isinstance(node, ast.JoinedStr) for node in ast.walk(tree))
    assert bootstrap.MARK.decode() in bootstrap.SCRIPT.read_text().encode().decode("unicode_escape")
