"""Every way in which a login can fail: the host, the cause and the next step are told, and nothing hangs."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.core.errors import HostUnreachable, SettingsError
from deployer.hosts.ssh import SshAccess
from deployer.hosts.ssh_settings import SshSettings
from tests.ssh.server import Sshd, fingerprint, free_port, keygen

ROOT = Path(__file__).parents[2]
OLD_PYTHONS = list((Path.home() / ".pyenv/versions").glob("3.[678].*/bin/python3"))


def refusal(reached, **more):
    with pytest.raises(HostUnreachable) as told:
        reached.host(**more).start()
    error = told.value
    assert error.exit_code == 40
    assert error.message.startswith("web1: ")
    assert error.hint
    return error


def configure(reached, text):
    (reached.home / ".ssh" / "config").write_text(text)


@contextmanager
def server(answer):
    """A TCP server that is no sshd: `answer` gets each connection; tells how many there were."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                taken.append(connection)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], taken
        listening.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()


def lead_to(reached, port):
    configure(reached, f"Host web1\n  HostName 127.0.0.1\n  Port {port}\n")


def test_a_name_that_is_not_known(over_ssh):
    configure(over_ssh, "Host web1\n  HostName no-such-host.invalid\n")
    error = refusal(over_ssh)
    assert "the name no-such-host.invalid is not known" in error.message


def test_a_port_where_nothing_listens(over_ssh):
    port = free_port()
    lead_to(over_ssh, port)
    error = refusal(over_ssh)
    assert f"nothing listens on 127.0.0.1:{port}" in error.message


def test_a_refused_connection_is_tried_once_more(over_ssh):
    over_ssh.sshd.stop()
    threading.Timer(0.1, over_ssh.sshd.start).start()  # it is back before the second try
    over_ssh.host().start().close(timeout=10)


def test_a_server_that_accepts_and_is_silent(over_ssh):
    with server(lambda connection: None) as (port, taken):
        lead_to(over_ssh, port)
        access = SshAccess(SshSettings(connect_timeout=1, login_timeout=5), over_ssh.home)
        assert access.logins  # paramiko is imported before the clock runs
        began = time.monotonic()
        error = refusal(over_ssh, access=access)
        assert time.monotonic() - began < 10
        assert "no answer from" in error.message
        assert len(taken) == 1


def test_a_server_that_greets_and_then_is_silent(over_ssh):
    with server(lambda connection: connection.sendall(b"SSH-2.0-silent\r\n")) as (port, _):
        lead_to(over_ssh, port)
        access = SshAccess(SshSettings(connect_timeout=1, login_timeout=1), over_ssh.home)
        assert access.logins
        began = time.monotonic()
        refusal(over_ssh, access=access)
        assert time.monotonic() - began < 20


def test_a_server_that_hangs_up_is_tried_once_more(over_ssh):
    with server(lambda connection: connection.close()) as (port, taken):
        lead_to(over_ssh, port)
        error = refusal(over_ssh)
        assert "closed the connection before the login" in error.message
        assert "MaxStartups" in error.hint
        assert len(taken) == 2


def test_a_server_that_resets_is_tried_once_more(over_ssh):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    with server(reset) as (port, taken):
        lead_to(over_ssh, port)
        assert "closed the connection before the login" in refusal(over_ssh).message
        assert len(taken) == 2


def test_a_server_that_is_no_sshd(over_ssh):
    with server(lambda connection: connection.sendall(b"220 mail.example.com ESMTP\r\n" * 200)) as (port, _):
        lead_to(over_ssh, port)
        assert "does not speak SSH" in refusal(over_ssh).message


def test_a_program_ends_at_once_after_a_login_that_failed(over_ssh):
    """No timer of a key exchange that never came to its end keeps it."""
    with server(lambda connection: connection.sendall(b"SSH-2.0-odd\r\n" + b"\0\0\0\x0c\x0a\x14" + b"\0" * 10)) as (
        port,
        _,
    ):
        lead_to(over_ssh, port)
        script = f"""if True:
            from pathlib import Path
            from deployer.hosts.ssh import Ssh, SshAccess
            from deployer.hosts.ssh_settings import SshSettings
            home = Path({str(over_ssh.home)!r})
            Ssh("web1", "/nowhere", home / "cache", SshAccess(SshSettings(login_timeout=60), home), app="shop").start()
        """
        done = subprocess.run(
            [sys.executable, "-c", script],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert "HostUnreachable: web1:" in done.stderr
        assert "paramiko" not in done.stderr.partition("Traceback")[0]  # its log is not for users


def test_a_host_key_that_is_not_known(over_ssh):
    (over_ssh.home / ".ssh" / "known_hosts").write_text("")
    error = refusal(over_ssh)
    assert f"its host key is not known: {fingerprint(over_ssh.sshd.folder / 'host_ed25519.pub')}" in error.message
    assert "deploy host trust web1" in error.hint
    assert "Accepted" not in over_ssh.sshd.log.read_text()


def test_a_host_key_that_changed(over_ssh, tmp_path):
    other = keygen(tmp_path / "other")
    line = Path(f"{other}.pub").read_text()
    (over_ssh.home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{over_ssh.sshd.port} {line}")
    error = refusal(over_ssh)
    assert "CHANGED" in error.message
    assert fingerprint(over_ssh.sshd.folder / "host_ed25519.pub") in error.message
    assert fingerprint(Path(f"{other}.pub")) in error.message
    assert f"ssh-keygen -R '[127.0.0.1]:{over_ssh.sshd.port}'" in error.hint


def test_a_host_key_that_is_revoked(over_ssh):
    known = over_ssh.home / ".ssh" / "known_hosts"
    known.write_text(known.read_text() + "@revoked * " + over_ssh.sshd.known().split(" ", 1)[1])
    assert "its host key is revoked" in refusal(over_ssh).message


def test_ssh_may_be_told_not_to_check_and_we_check(over_ssh):
    (over_ssh.home / ".ssh" / "known_hosts").write_text("")
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write("  StrictHostKeyChecking no\n")
    assert "not known" in refusal(over_ssh).message


def test_a_key_that_the_host_does_not_take(over_ssh, tmp_path):
    (over_ssh.sshd.folder / "authorized_keys").write_text("")
    error = refusal(over_ssh)
    assert f"{over_ssh.sshd.user} was not let in: tried {over_ssh.sshd.key}" in error.message
    assert "ssh-copy-id" in error.hint


def test_no_key_at_all(over_ssh):
    configure(over_ssh, f"Host web1\n  HostName 127.0.0.1\n  Port {over_ssh.sshd.port}\n")
    assert "there was no key to try" in refusal(over_ssh).message


def test_a_key_with_a_passphrase_and_nobody_to_ask(over_ssh, tmp_path):
    locked = keygen(tmp_path / "locked", passphrase="sesame")
    over_ssh.sshd.authorize(locked)
    configure(
        over_ssh,
        f"Host web1\n  HostName 127.0.0.1\n  Port {over_ssh.sshd.port}\n  IdentityFile {locked}\n",
    )
    error = refusal(over_ssh)
    assert "it has a passphrase, and there is no terminal to ask for it" in error.message
    assert f"`ssh-add {locked}`" in error.hint


def test_an_sshd_that_takes_no_keys(over_ssh):
    over_ssh.sshd.stop()
    over_ssh.sshd.options = ["PubkeyAuthentication no", "PasswordAuthentication yes"]
    over_ssh.sshd.start()
    error = refusal(over_ssh)
    assert "takes no keys" in error.message
    assert "password" in error.message


def test_a_host_without_python(over_ssh):
    empty = over_ssh.folder / "empty"
    empty.mkdir()
    over_ssh.sshd.stop()
    over_ssh.sshd.environment["PATH"] = str(empty)
    over_ssh.sshd.start()
    error = refusal(over_ssh)
    assert error.message == "web1: there is no python3"
    assert "apt install python3" in error.hint


@pytest.mark.parametrize("python", OLD_PYTHONS, ids=lambda path: path.parts[-3])
def test_a_python_that_is_too_old(over_ssh, python):
    over_ssh.sshd.python(str(python))
    assert f"its python3 is {python.parts[-3]}, and 3.9 is the oldest" in refusal(over_ssh).message


def test_a_root_that_lies_in_a_file(over_ssh):
    (over_ssh.folder / "file").write_text("")
    error = refusal(over_ssh, root=over_ssh.folder / "file" / "shop")
    assert "Not a directory" in error.message
    assert "`path`" in error.hint


def test_a_full_disk(over_ssh):
    """A limit on the size of files is met where a full disk would be."""
    (over_ssh.sshd.home / ".bashrc").write_text("ulimit -f 1; trap '' XFSZ\n")
    error = refusal(over_ssh)
    assert "File too large" in error.message
    assert [path.name for path in (over_ssh.root / "agent").iterdir()] == []


def fake_sudo(reached, script):
    sudo = reached.sshd.bin / "sudo"
    sudo.write_text(f"#!/bin/sh\n{script}\n")
    sudo.chmod(0o755)


def test_sudo_that_asks_for_a_password(over_ssh):
    fake_sudo(over_ssh, "echo 'sudo: a password is required' >&2; exit 1")
    error = refusal(over_ssh, sudo=True)
    assert "`sudo -n python3` was refused" in error.message
    assert "NOPASSWD" in error.hint
    assert "a password is required" in error.output


def test_a_host_without_sudo(over_ssh):
    over_ssh.sshd.stop()
    over_ssh.sshd.environment["PATH"] = str(over_ssh.sshd.bin)
    over_ssh.sshd.start()
    assert refusal(over_ssh, sudo=True).message == "web1: there is no sudo"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("sudo"), reason="needs root and sudo")
def test_the_real_sudo_brings_the_agent_up(over_ssh):
    channel = over_ssh.host(sudo=True).start()
    channel.close(timeout=10)


def test_an_account_that_runs_no_commands(over_ssh):
    over_ssh.sshd.stop()
    over_ssh.sshd.options = ["ForceCommand echo 'This account is currently not available.'; exit 1"]
    over_ssh.sshd.start()
    error = refusal(over_ssh)
    assert "python3 did not start" in error.message
    assert "This account is currently not available." in error.output


def test_an_sshd_that_opens_no_sessions(over_ssh):
    over_ssh.sshd.stop()
    over_ssh.sshd.options = ["MaxSessions 0"]
    over_ssh.sshd.start()
    assert "logged in, but no session was opened" in refusal(over_ssh).message


def test_a_login_script_that_never_ends(over_ssh):
    (over_ssh.sshd.home / ".bashrc").write_text("sleep 60\n")
    access = SshAccess(SshSettings(connect_timeout=2, login_timeout=5, silence=2), over_ssh.home)
    assert "the agent did not start" in refusal(over_ssh, access=access).message


def test_a_name_that_a_shell_would_take_apart_goes_nowhere(over_ssh):
    over_ssh.name = "web1;reboot"
    with pytest.raises(SettingsError, match="not a host's name"):
        over_ssh.host().start()


def test_a_jump_in_a_circle(over_ssh):
    configure(over_ssh, "Host web1\n  ProxyJump web2\nHost web2\n  ProxyJump web1\n")
    with pytest.raises(SettingsError, match="circle"):
        over_ssh.host().start()


def test_many_logins_at_once_do_not_exceed_the_limit(over_ssh, tmp_path):
    """An sshd with MaxStartups 2 takes them all when we begin no more than two at a time."""
    from concurrent.futures import ThreadPoolExecutor

    with Sshd(tmp_path / "narrow", options=["MaxStartups 2"]) as narrow:
        narrow.operator(over_ssh.home, "narrow")
        over_ssh.name = "narrow"
        access = SshAccess(SshSettings(concurrency=2), over_ssh.home)
        with ThreadPoolExecutor(8) as pool:
            channels = list(pool.map(lambda _: over_ssh.host(access=access).start(), range(8)))
        for channel in channels:
            channel.close(timeout=10)
        assert "drop connection" not in narrow.log.read_text()
