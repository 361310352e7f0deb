"""Which keys are tried, in which order, and when a passphrase is asked for."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.core.errors import HostUnreachable
from deployer.hosts.ssh import SshAccess
from tests.hosts.conftest import QUICK
from tests.ssh.server import keygen
from tests.ssh.token import Token


class Asked:
    """Somebody who answers questions."""

    def __init__(self, *answers):
        self.answers, self.questions = list(answers), []

    def __call__(self, prompt):
        self.questions.append(prompt)
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def ssh_agent(operator, monkeypatch):
    """A real ssh-agent with no key in it yet; gives what adds one."""
    path = f"{operator}/agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    while not os.path.exists(path):
        assert process.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    yield lambda key: subprocess.run(["ssh-add", "-q", str(key)], check=True, stdin=subprocess.DEVNULL)
    process.terminate()
    process.wait(10)


def configure(reached, *lines):
    text = f"Host web1\n  HostName 127.0.0.1\n  Port {reached.sshd.port}\n  User {reached.sshd.user}\n"
    (reached.home / ".ssh" / "config").write_text(text + "".join(f"  {line}\n" for line in lines))


def logs_in(reached, ask=None):
    reached.host(ask=ask).start().close(timeout=10)
    return reached.sshd.log.read_text()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_usual_keys_are_found(over_ssh, kind):
    over_ssh.sshd.authorize(keygen(over_ssh.home / ".ssh" / f"id_{kind}", kind=kind))
    configure(over_ssh)
    logs_in(over_ssh)


def test_a_key_that_is_named_is_the_only_one_tried(over_ssh):
    other = keygen(over_ssh.home / ".ssh" / "id_ed25519")
    over_ssh.sshd.authorize(other)
    assert "Failed" not in logs_in(over_ssh)


def test_keys_of_the_agent(over_ssh, ssh_agent, tmp_path):
    key = keygen(tmp_path / "held")
    over_ssh.sshd.authorize(key)
    ssh_agent(key)
    configure(over_ssh)
    logs_in(over_ssh)


def test_of_many_keys_in_the_agent_the_named_one_is_tried_alone(over_ssh, ssh_agent, tmp_path):
    """Six others come before it: sshd would close the connection (MaxAuthTries)."""
    for number in range(6):
        ssh_agent(keygen(tmp_path / f"other{number}"))
    key = keygen(tmp_path / "mine", passphrase="")
    over_ssh.sshd.authorize(key)
    ssh_agent(key)
    key.unlink()  # the public half is there, as with a key on a token
    configure(over_ssh, f"IdentityFile {key}")
    assert "Failed publickey" not in logs_in(over_ssh)


def test_too_many_keys_are_told_of(over_ssh, ssh_agent, tmp_path):
    for number in range(7):
        ssh_agent(keygen(tmp_path / f"other{number}"))
    configure(over_ssh)
    with pytest.raises(HostUnreachable, match="MaxAuthTries"):
        over_ssh.host().start()


@pytest.mark.parametrize(
    ("kind", "form"),
    [("ed25519", "openssh"), ("rsa", "openssh"), ("rsa", "pem"), ("ecdsa", "openssh"), ("ecdsa", "pem")],
)
def test_a_passphrase_is_asked_for(over_ssh, tmp_path, kind, form):
    key = keygen(tmp_path / "locked", kind=kind, passphrase="sesame", more=("-m", "PEM") if form == "pem" else ())
    over_ssh.sshd.authorize(key)
    configure(over_ssh, f"IdentityFile {key}")
    ask = Asked("wrong", "sesame")
    logs_in(over_ssh, ask)
    assert ask.questions == [f"Passphrase for {key}: "] * 2


def test_a_passphrase_is_asked_for_once_however_many_hosts(over_ssh, tmp_path):
    key = keygen(tmp_path / "locked", passphrase="sesame")
    over_ssh.sshd.authorize(key)
    configure(over_ssh, f"IdentityFile {key}")
    ask = Asked("sesame")
    access = SshAccess(QUICK, over_ssh.home, ask)
    with ThreadPoolExecutor(4) as pool:
        channels = list(pool.map(lambda _: over_ssh.host(access=access).start(), range(4)))
    for channel in channels:
        channel.close(timeout=10)
    assert len(ask.questions) == 1


def test_nobody_is_asked_while_another_key_will_do(over_ssh, tmp_path):
    locked = keygen(tmp_path / "locked", passphrase="sesame")
    configure(over_ssh, f"IdentityFile {locked}", f"IdentityFile {over_ssh.sshd.key}")
    ask = Asked()
    logs_in(over_ssh, ask)
    assert ask.questions == []


def test_a_passphrase_that_stays_wrong(over_ssh, tmp_path):
    key = keygen(tmp_path / "locked", passphrase="sesame")
    configure(over_ssh, f"IdentityFile {key}")
    with pytest.raises(HostUnreachable, match="the passphrase was wrong"):
        logs_in(over_ssh, Asked("a", "b", "c"))


def test_a_certificate_beside_the_key_lets_in(over_ssh, tmp_path):
    authority, key = keygen(tmp_path / "authority"), keygen(tmp_path / "mine")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", over_ssh.sshd.user, f"{key}.pub"], check=True
    )
    over_ssh.sshd.stop()
    over_ssh.sshd.options = [f"TrustedUserCAKeys {authority}.pub"]
    over_ssh.sshd.start()
    configure(over_ssh, f"IdentityFile {key}")
    logs_in(over_ssh)


@pytest.mark.parametrize(("kind", "passphrase"), [("rsa", ""), ("ecdsa", ""), ("rsa", "sesame")])
def test_a_key_as_openssl_and_clouds_write_it(over_ssh, tmp_path, kind, passphrase):
    key = keygen(tmp_path / "cloud", kind=kind)
    line = ["ssh-keygen", "-q", "-p", "-N", passphrase, "-m", "PKCS8", "-f", str(key)]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    assert key.read_text().startswith(f"-----BEGIN {'ENCRYPTED ' if passphrase else ''}PRIVATE KEY-----")
    over_ssh.sshd.authorize(key)
    configure(over_ssh, f"IdentityFile {key}")
    logs_in(over_ssh, Asked("wrong", passphrase))


def certificate(over_ssh, key, to):
    """A user's certificate of `key`, the only way in; not beside its key."""
    authority = keygen(to.parent / "authority")
    line = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", over_ssh.sshd.user, f"{key}.pub"]
    subprocess.run(line, check=True)
    os.rename(f"{key}-cert.pub", to)
    (over_ssh.sshd.folder / "authorized_keys").write_text(f"cert-authority {Path(f'{authority}.pub').read_text()}")


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_that_is_named_lets_in(over_ssh, tmp_path, kind):
    key = keygen(tmp_path / "mine", kind=kind)
    certificate(over_ssh, key, tmp_path / "signed.pub")
    configure(over_ssh, f"IdentityFile {key}", f"CertificateFile {tmp_path}/signed.pub")
    logs_in(over_ssh)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_of_a_key_in_the_agent_lets_in(over_ssh, ssh_agent, tmp_path, kind):
    key = keygen(tmp_path / "held", kind=kind)
    certificate(over_ssh, key, tmp_path / "signed.pub")
    ssh_agent(key)
    configure(over_ssh, f"CertificateFile {tmp_path}/signed.pub")
    logs_in(over_ssh)


def test_a_certificate_in_the_agent_lets_in(over_ssh, ssh_agent, tmp_path):
    key = keygen(tmp_path / "held")
    certificate(over_ssh, key, tmp_path / "held-cert.pub")
    ssh_agent(key)  # and its certificate with it, as `step` and `vault` do
    configure(over_ssh)
    logs_in(over_ssh)


def test_the_agent_that_is_named_is_asked(over_ssh, ssh_agent, tmp_path, monkeypatch):
    key = keygen(tmp_path / "held")
    over_ssh.sshd.authorize(key)
    ssh_agent(key)
    path = os.environ["SSH_AUTH_SOCK"]
    monkeypatch.setenv("SSH_AUTH_SOCK", f"{tmp_path}/another")
    configure(over_ssh, f'IdentityAgent "{path}"')
    logs_in(over_ssh)


def test_a_public_key_may_be_named_whose_private_one_the_agent_has(over_ssh, ssh_agent, tmp_path):
    key = keygen(tmp_path / "mine")
    over_ssh.sshd.authorize(key)
    ssh_agent(key)
    key.rename(tmp_path / "elsewhere")
    configure(over_ssh, f"IdentityFile {key}.pub", "IdentitiesOnly yes")
    logs_in(over_ssh)
    subprocess.run(["ssh-add", "-q", "-D"], check=True)
    with pytest.raises(HostUnreachable, match="it is a public key, and the agent does not have its private one"):
        over_ssh.host().start()


@pytest.mark.parametrize("client", ["auto", "openssh"])
def test_a_security_key_in_the_agent_lets_in(over_ssh, tmp_path, client):
    with Token(tmp_path / "token") as token:
        over_ssh.sshd.authorize(token.key)
        configure(over_ssh, f"IdentityAgent {token.path}", f"IdentityFile {token.key}")
        over_ssh.settings = replace(QUICK, client=client)
        logs_in(over_ssh)
        assert token.signed == 1


def test_a_key_that_cannot_be_read_is_named(over_ssh, tmp_path):
    (tmp_path / "odd").write_text("no key")
    configure(over_ssh, f"IdentityFile {tmp_path}/odd", f"IdentityFile {tmp_path}/missing")
    with pytest.raises(HostUnreachable) as told:
        over_ssh.host().start()
    assert f"{tmp_path}/odd: it is no private key" in told.value.message
    assert f"{tmp_path}/missing: No such file or directory" in told.value.message
