"""The ssh program as the way to a host: as strict as paramiko's, with the same words, and where it takes over."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from deployer.core import requests
from deployer.core.errors import HostUnreachable
from deployer.hosts import trusting
from deployer.hosts.ssh import OPENSSH, PARAMIKO, SshAccess
from deployer.hosts.ssh_settings import SshSettings
from tests.hosts.conftest import BY_PROGRAM, QUICK
from tests.hosts.test_host_conformance import session
from tests.hosts.test_ssh_refusals import configure, lead_to, server
from tests.ssh.server import Sshd, descendants, fingerprint, free_port, keygen


def refusal(reached, name="web1", who=None, **more):
    reached.name = name
    with pytest.raises(HostUnreachable) as told:
        reached.host(**more).start()
    assert told.value.exit_code == 40
    assert told.value.message.startswith(f"{who or name}: ")
    assert told.value.hint
    return told.value


def restart(reached, *options):
    reached.sshd.stop()
    reached.sshd.options = list(options)
    reached.sshd.start()


def known(reached):
    return reached.home / ".ssh" / "known_hosts"


def test_a_host_key_that_is_not_known_changed_or_revoked_is_refused_in_the_same_words(over_openssh, tmp_path):
    """Whatever the configuration says: `StrictHostKeyChecking no` is for people."""
    with open(over_openssh.home / ".ssh" / "config", "a") as file:
        file.write("  StrictHostKeyChecking no\n")
    shown, trusted = fingerprint(over_openssh.sshd.folder / "host_ed25519.pub"), known(over_openssh).read_text()
    known(over_openssh).write_text("")
    error = refusal(over_openssh)
    assert f"its host key is not known: {shown}" in error.message
    assert "deploy host trust web1" in error.hint
    other = Path(f"{keygen(tmp_path / 'other')}.pub")
    known(over_openssh).write_text(f"[127.0.0.1]:{over_openssh.sshd.port} {other.read_text()}")
    error = refusal(over_openssh)
    assert "CHANGED" in error.message
    assert shown in error.message
    assert fingerprint(other) in error.message
    assert f"ssh-keygen -R '[127.0.0.1]:{over_openssh.sshd.port}'" in error.hint
    known(over_openssh).write_text(trusted + "@revoked * " + over_openssh.sshd.known().split(" ", 1)[1])
    assert "its host key is revoked" in refusal(over_openssh).message
    assert "Accepted" not in over_openssh.sshd.log.read_text()
    assert known(over_openssh).read_text().startswith(trusted)  # and nothing is added to it


def test_a_key_of_a_jump_host_is_checked_as_strictly(over_openssh, tmp_path):
    with Sshd(tmp_path / "gateway") as gateway:
        gateway.operator(over_openssh.home, "gateway", known=False, more="StrictHostKeyChecking no")
        over_openssh.sshd.operator(over_openssh.home, "behind", more="ProxyJump gateway")
        error = refusal(over_openssh, "behind", who="gateway")
        assert "its host key is not known" in error.message
        with open(known(over_openssh), "a") as file:
            file.write(gateway.known())
        over_openssh.host().start().close(timeout=10)
        assert "Accepted publickey" in gateway.log.read_text()


def test_a_connection_that_fails_is_told_in_the_same_words(over_openssh):
    configure(over_openssh, "Host web1\n  HostName no-such-host.invalid\n")
    assert "the name no-such-host.invalid is not known" in refusal(over_openssh).message
    port = free_port()
    lead_to(over_openssh, port)
    assert f"nothing listens on 127.0.0.1:{port}" in refusal(over_openssh).message
    with server(lambda connection: connection.close()) as (port, taken):
        lead_to(over_openssh, port)
        assert "closed the connection before the login" in refusal(over_openssh).message
        assert len(taken) == 2  # it is tried once more
    with server(lambda connection: None) as (port, _):
        lead_to(over_openssh, port)
        began = time.monotonic()
        access = SshAccess(SshSettings(connect_timeout=1, silence=5, client=OPENSSH), over_openssh.home)
        assert "no answer from" in refusal(over_openssh, access=access).message
        assert time.monotonic() - began < 20


def test_a_login_that_fails_is_told_in_the_same_words(over_openssh, tmp_path):
    (over_openssh.sshd.folder / "authorized_keys").write_text("")
    error = refusal(over_openssh)
    assert f"{over_openssh.sshd.user} was not let in: tried {over_openssh.sshd.key}" in error.message
    assert "ssh-copy-id" in error.hint
    locked = keygen(tmp_path / "locked", passphrase="sesame")
    over_openssh.sshd.authorize(locked)
    where = f"Host web1\n  HostName 127.0.0.1\n  Port {over_openssh.sshd.port}\n"
    configure(over_openssh, f"{where}  IdentityFile {locked}\n")
    error = refusal(over_openssh)
    assert "passphrase" in error.message
    assert f"`ssh-add {locked}`" in error.hint
    restart(over_openssh, "PubkeyAuthentication no", "PasswordAuthentication yes")
    assert "takes no keys" in refusal(over_openssh).message


def test_a_host_without_python_and_one_without_sessions_are_told_in_the_same_words(over_openssh, tmp_path):
    (tmp_path / "empty").mkdir()
    over_openssh.sshd.environment["PATH"] = str(tmp_path / "empty")
    restart(over_openssh)
    assert refusal(over_openssh).message == "web1: there is no python3"
    restart(over_openssh, "MaxSessions 0")
    assert "logged in, but no session was opened" in refusal(over_openssh).message


def test_the_usual_keys_of_a_home_are_found_where_ssh_would_look_elsewhere(over_openssh):
    over_openssh.sshd.authorize(keygen(over_openssh.home / ".ssh" / "id_ed25519"))
    configure(over_openssh, f"Host web1\n  HostName 127.0.0.1\n  Port {over_openssh.sshd.port}\n")
    over_openssh.host().start().close(timeout=10)


def test_nothing_is_forwarded_and_nothing_of_the_callers_is_sent(over_openssh, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "sesame")
    restart(over_openssh, "AcceptEnv *")
    with open(over_openssh.home / ".ssh" / "config", "a") as file:
        file.write(
            f"  ForwardAgent yes\n  SendEnv SHOP_*\n  LocalForward {free_port()} 127.0.0.1:1\n  RequestTTY force\n"
        )
        file.write("  RemoteCommand echo no\n  ForwardX11 yes\n")
    with session(over_openssh.host()) as one:
        assert one.found.root == str(over_openssh.root)
        (agent,) = [pid for pid in descendants(over_openssh.sshd.process.pid) if b"agent" in comm(pid)]
        environment = Path(f"/proc/{agent}/environ").read_bytes()
        assert b"SHOP_TOKEN" not in environment
        assert b"SSH_AUTH_SOCK" not in environment


def comm(pid):
    return Path(f"/proc/{pid}/comm").read_bytes()


def test_a_host_that_goes_silent_is_noticed(over_openssh):
    access = SshAccess(SshSettings(silence=2, client=OPENSSH), over_openssh.home)
    with session(over_openssh.host(access=access)) as one:
        stopped = descendants(over_openssh.sshd.process.pid)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(HostUnreachable, match=r"nothing was heard of it|it ended"):
                one.call(requests.Look(), requests.Looked)
            one._channel.drop()
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


def test_hosts_that_are_reached_at_once_do_not_exceed_the_limit(over_ssh, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with Sshd(tmp_path / "narrow", options=["MaxStartups 2"]) as narrow:
        narrow.operator(over_ssh.home, "narrow")
        over_ssh.name = "narrow"
        access = SshAccess(SshSettings(concurrency=2, client=OPENSSH), over_ssh.home)
        with ThreadPoolExecutor(4) as pool:
            channels = list(pool.map(lambda _: over_ssh.host(access=access).start(), range(4)))
        for channel in channels:
            channel.close(timeout=10)
        assert "drop connection" not in narrow.log.read_text()


def test_no_program_and_no_thread_is_left(over_openssh):
    before = threading.active_count()
    channel = over_openssh.host().start()
    (program,) = [pid for pid in descendants(os.getpid()) if comm(pid) == b"ssh\n"]
    channel.close(timeout=10)
    assert threading.active_count() == before
    assert not Path(f"/proc/{program}").exists()


# where it takes over


def takes_over(reached):
    reached.settings = QUICK
    host = reached.host()
    host.start().close(timeout=10)
    assert host.client == OPENSSH
    return host


def test_a_host_that_speaks_only_chacha20(over_ssh):
    restart(over_ssh, "Ciphers chacha20-poly1305@openssh.com")
    takes_over(over_ssh)


def test_a_host_that_speaks_only_chacha20_behind_a_jump_host(over_ssh, tmp_path):
    with Sshd(tmp_path / "behind", options=["Ciphers chacha20-poly1305@openssh.com"]) as behind:
        behind.operator(over_ssh.home, "behind", more="ProxyJump web1")
        over_ssh.name = "behind"
        takes_over(over_ssh)


def test_a_configuration_that_allows_only_chacha20(over_ssh):
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write("  Ciphers chacha20-poly1305@openssh.com\n")
    takes_over(over_ssh)


def test_algorithms_that_the_configuration_allows_are_the_only_ones(over_ssh):
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write("  Ciphers aes256-ctr,chacha20-poly1305@openssh.com\n  HostKeyAlgorithms ssh-ed25519\n")
    host = over_ssh.host()
    channel = host.start()
    assert (host.client, channel._transport.local_cipher) == (PARAMIKO, "aes256-ctr")
    channel.close(timeout=10)


def test_where_neither_has_a_way_in_common_the_hint_is_no_riddle(over_ssh, monkeypatch):
    restart(over_ssh, "Ciphers chacha20-poly1305@openssh.com")
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write("  Ciphers aes256-ctr\n")
    error = refusal(over_ssh)
    assert "no matching cipher found" in error.message
    assert "Ciphers" in error.hint
    over_ssh.sshd.stop()


def test_a_host_that_offers_kerberos_is_tried_by_the_ssh_program_where_that_is_configured(over_ssh):
    restart(over_ssh, "GSSAPIAuthentication yes")
    (over_ssh.sshd.folder / "authorized_keys").write_text("")
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write("  GSSAPIAuthentication yes\n")
    host = over_ssh.host()
    with pytest.raises(HostUnreachable, match=f"was not let in: tried {over_ssh.sshd.key}"):
        host.start()
    assert host.client == OPENSSH


def test_the_keys_of_such_a_host_can_be_trusted(over_ssh, tmp_path):
    with Sshd(
        tmp_path / "other", kinds=("ed25519", "ecdsa"), options=["Ciphers chacha20-poly1305@openssh.com"]
    ) as other:
        other.operator(over_ssh.home, "other", known=False)
        over_ssh.name = "other"
        host = over_ssh.host()
        offer = trusting.offer(host)
        assert {key.fingerprint for key in offer.keys} == {
            fingerprint(other.folder / f"host_{kind}.pub") for kind in ("ed25519", "ecdsa")
        }
        assert not offer.trusted
        trusting.accept(offer, offer.keys)
        takes_over(over_ssh)


def test_a_shared_connection_is_shared(over_ssh, tmp_path):
    """The master is made by whoever comes first, and strictly; it stays as long as the configuration says."""
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write(f"  ControlMaster auto\n  ControlPath {tmp_path}/%p\n  ControlPersist 60\n")
    try:
        takes_over(over_ssh)
        takes_over(over_ssh)
        assert over_ssh.sshd.log.read_text().count("Accepted publickey") == 1
    finally:
        line = ["ssh", "-F", str(over_ssh.home / ".ssh/config"), "-O", "exit", "web1"]
        subprocess.run(line, check=False, capture_output=True, timeout=10)


def test_without_the_program_it_is_said(over_ssh, tmp_path, monkeypatch):
    restart(over_ssh, "Ciphers chacha20-poly1305@openssh.com")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    over_ssh.settings = BY_PROGRAM
    assert "openssh-client" in refusal(over_ssh).hint
    over_ssh.settings = QUICK
    error = refusal(over_ssh)
    assert "no way of encrypting in common" in error.message
    assert "openssh-client" in error.hint
