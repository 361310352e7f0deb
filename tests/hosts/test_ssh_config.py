"""ssh's configuration holds for us as it does for ssh: what stands there in an odd way, too."""

import json
import os
import socket
from pathlib import Path

import pytest

from deployer.core.errors import SettingsError
from deployer.hosts.openssh import config_files, resolve, takeover
from deployer.hosts.ssh import OPENSSH, PARAMIKO, SshAccess
from deployer.hosts.ssh_route import Routes
from deployer.hosts.ssh_settings import SshSettings
from tests.ssh.server import keygen

WITHOUT = "without the ssh program"


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A machine without an ssh program."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.fixture(params=["ssh -G", WITHOUT])
def said(request, operator):
    """What holds for web1 with this configuration, as ssh or paramiko's parser reads it."""
    if request.param == WITHOUT:
        request.getfixturevalue("alone")
    (operator / ".ssh").mkdir()

    def to(text, name="web1"):
        (operator / ".ssh" / "config").write_text(text)
        return Routes(operator).to(name)

    return to


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("Host web1\n  Port 2222  # through the tunnel\n", 2222),
        ("Host web1 # Bob's server\n  Port 2222\n", 2222),
        ("Host web1\n  Port=2222\n", 2222),
        ('Host "web1"\n  Port "2222"\n', 2222),
        ("Host web1\n\tport = 2222\n", 2222),
        ("Match final all\n  GSSAPIAuthentication yes\nHost web1\n  Port 2222\n", 2222),
        ("Match originalhost=web1\n  Port 2222\n", 2222),
        ('Match host web1 exec "test 1 = 1"\n  Port 2222\n', 2222),
        ('Match host web1 !exec "test 1 = 1"\n  Port 2222\n', 22),
        ("Host * !web1\n  Port 2222\n", 22),
    ],
)
def test_a_value_is_read_as_ssh_reads_it(said, text, port):
    assert said(text).port == port


def test_an_include_may_be_quoted_have_a_space_and_be_relative(said, operator):
    (operator / "My Tools").mkdir()
    (operator / "My Tools" / "config").write_text("Host web1\n  Port 2222\n")
    (operator / ".ssh" / "config.d").mkdir()
    (operator / ".ssh" / "config.d" / "one").write_text("Host web1\n  User one\n")
    text = f'Include "{operator}/My Tools/config"\nInclude config.d/*\nInclude ~/nowhere\nHost *\n  User all\n'
    assert (said(text).port, said(text).user) == (2222, "one")
    assert said('Include "~/My Tools/config" # as OrbStack does\n').port == 2222


def test_paths_have_variables_tokens_quotes_and_spaces(said, operator, monkeypatch):
    monkeypatch.setenv("WORK_KEYS", "/work/keys")
    route = said(
        "Host web1\n  HostName web1.example.com\n  User me\n  IdentityFile ${WORK_KEYS}/login\n"
        '  IdentityFile "~/my keys/%h"\n  IdentityFile %d/%r\n  CertificateFile "~/a b/cert.pub"\n'
    )
    assert route.identities == ("/work/keys/login", f"{operator}/my keys/web1.example.com", f"{operator}/me")
    assert route.certificates == (f"{operator}/a b/cert.pub",)


def test_known_hosts_files_may_be_quoted_and_several(said, operator):
    route = said('Host web1\n  UserKnownHostsFile "~/my known hosts" /two # mine\n  GlobalKnownHostsFile "/a b" /c\n')
    assert route.known_hosts == (operator / "my known hosts", Path("/two"), Path("/a b"), Path("/c"))
    assert said("").known_hosts[:2] == (operator / ".ssh/known_hosts", operator / ".ssh/known_hosts2")


def test_the_agent_is_the_one_that_is_named(said, operator, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/usual")
    monkeypatch.setenv("MY_AGENT", "/mine")
    for value, path in (
        ('"~/a b/agent.sock"', f"{operator}/a b/agent.sock"),
        ("none", ""),
        ("SSH_AUTH_SOCK", "/usual"),
        ("$MY_AGENT", "/mine"),
    ):
        assert said(f"Host web1\n  IdentityAgent {value}\n").agent == path
    assert said("").agent == "/usual"


def test_how_a_connection_is_made(said):
    route = said(
        "Host web1\n  AddressFamily inet6\n  ConnectTimeout 7\n  BindAddress 127.0.0.2\n  HostKeyAlias Shop\n  Port 2\n"
    )
    assert (route.family, route.source, route.known_as) == (socket.AF_INET6, "127.0.0.2", "shop")
    assert SshSettings().patience(route) == 7
    assert SshSettings(connect_timeout=3).patience(route) == 3  # deploy.yaml wins
    assert SshSettings().patience(said("")) == 10


def test_a_proxy_command_has_its_tokens_and_no_comment_of_ours(said):
    route = said('Host web1\n  HostName 192.0.2.1\n  User me\n  ProxyCommand nc -X 5 "%h" %p # %r %%\n')
    assert route.command == 'nc -X 5 "192.0.2.1" 22 # me %'


def test_a_criterion_that_nobody_here_can_judge_is_refused_by_name(operator, alone):
    (operator / ".ssh").mkdir()
    (operator / ".ssh" / "config").write_text("\nMatch localnetwork 203.0.113.0/24\n  ProxyJump gate.invalid\n")
    with pytest.raises(SettingsError, match=r"\.ssh/config:2: Match localnetwork cannot be judged"):
        Routes(operator).to("web1")


def test_a_criterion_that_ssh_does_not_know_is_its_refusal(operator):
    (operator / ".ssh").mkdir()
    (operator / ".ssh" / "config").write_text("Match phase-of-moon full\n  Port 2\n")
    with pytest.raises(SettingsError, match=r"attribute phase-of-moon; ~/\.ssh/config line 1: ") as told:
        Routes(operator).to("web1")
    assert "`ssh -G web1`" in told.value.hint


class Counted(resolve.Resolver):
    """Counts how often ssh itself was asked."""

    asked = 0

    def _run(self, asked):
        self.asked += 1
        return super()._run(asked)


def test_an_answer_is_kept_for_as_long_as_the_files_say_the_same(operator, tmp_path, monkeypatch):
    config, more = operator / ".ssh" / "config", operator / ".ssh" / "more"
    config.parent.mkdir()
    config.write_text("Include more\nHost *\n  User ${SHOP_USER}\n")

    def asked():
        resolver = Counted(operator, tmp_path / "cache")
        said = resolver.options("web1")
        assert resolver.options("web1") == said
        return resolver.asked, said["port"][0]

    monkeypatch.setenv("SHOP_USER", "one")
    assert asked() == (1, "22")
    assert asked() == (0, "22")
    more.write_text("Host web1\n  Port 2222\n")  # one that was not there before
    assert asked() == (1, "2222")
    assert asked() == (0, "2222")
    monkeypatch.setenv("SHOP_USER", "two")
    assert asked() == (1, "2222")
    (kept,) = (tmp_path / "cache" / "ssh").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text(json.dumps({"depends": "damaged"})[:-3])
    assert asked() == (1, "2222")


def test_what_depends_on_more_than_the_files_is_asked_anew(operator, tmp_path):
    (operator / ".ssh").mkdir()
    (operator / ".ssh" / "config").write_text(f'Match exec "test -e {tmp_path}/up"\n  Port 2222\n')
    assert Counted(operator, tmp_path / "cache").options("web1")["port"] == ["22"]
    (tmp_path / "up").touch()
    assert Counted(operator, tmp_path / "cache").options("web1")["port"] == ["2222"]


def test_nothing_secret_is_kept(operator, tmp_path):
    (operator / ".ssh").mkdir()
    (operator / ".ssh" / "config").write_text("Host *\n  SetEnv TOKEN=sesame\n")
    Routes(operator, tmp_path / "cache").to("web1")
    assert [path for path in (tmp_path / "cache").rglob("*.json") if "sesame" in path.read_text()] == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a b", ["a", "b"]),
        ('"a b" c', ["a b", "c"]),
        ("'a b'c", ["a bc"]),
        (r"a\ b \"c", ["a b", '"c']),
        ("a#b # c", ["a#b"]),
        ('""', [""]),
        (r"a\nb", [r"a\nb"]),
    ],
)
def test_words_are_split_as_ssh_splits_them(value, words):
    assert config_files.words(value) == words


def client_for(operator, text):
    (operator / ".ssh").mkdir(exist_ok=True)
    (operator / ".ssh" / "config").write_text(f"Host web1\n{text}")
    access = SshAccess(SshSettings(), operator)
    return access.client(access.routes.to("web1"))


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("", PARAMIKO),
        ("  GSSAPIAuthentication yes\n", PARAMIKO),  # Debian's and Fedora's own configuration has it
        ("  ControlMaster auto\n  ControlPath ~/%C\n", PARAMIKO),  # nobody is connected yet, and nobody stays
        ("  ControlMaster auto\n  ControlPath ~/%C\n  ControlPersist 10m\n", OPENSSH),
        ("  ControlPath ~/socket\n", OPENSSH),  # is there
        ("  PKCS11Provider /usr/lib/token.so\n", OPENSSH),
        ("  PreferredAuthentications gssapi-with-mic\n", OPENSSH),
        ("  PubkeyAuthentication no\n", OPENSSH),
        ("  HostbasedAuthentication yes\n", OPENSSH),
        ("  VerifyHostKeyDNS yes\n", OPENSSH),
        ("  KnownHostsCommand /bin/known %H\n", OPENSSH),
        ("  IdentityFile ~/token\n", OPENSSH),
        ("  ProxyJump gate\nHost gate\n  PKCS11Provider /usr/lib/token.so\n", OPENSSH),
    ],
)
def test_what_paramiko_cannot_do_is_for_the_ssh_program(operator, text, client):
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(f"{operator}/socket")
        (operator / "token").write_text(SECURITY_KEY)
        assert client_for(operator, text) == client


def test_without_an_ssh_program_paramiko_tries(operator, alone):
    assert client_for(operator, "  PKCS11Provider /usr/lib/token.so\n") == PARAMIKO


SECURITY_KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAASgAAABpzay1zc2gtZWQy
NTUxOUBvcGVuc3NoLmNvbQAAACAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAAAARz
c2g6
-----END OPENSSH PRIVATE KEY-----
"""


def test_a_security_key_is_told_from_others(tmp_path):
    (tmp_path / "token").write_text(SECURITY_KEY)
    assert takeover.is_security_key(tmp_path / "token")
    assert not takeover.is_security_key(keygen(tmp_path / "plain"))
    assert not takeover.is_security_key(keygen(tmp_path / "locked", passphrase="sesame"))
    assert not takeover.is_security_key(tmp_path / "missing")


def test_a_home_that_the_user_database_has_not_is_the_home_for_ssh_too(operator):
    assert os.path.realpath(operator) != os.path.realpath(config_files.home_of_passwd())
    (operator / ".ssh").mkdir()
    (operator / ".ssh" / "config").write_text("Host web1\n  ControlPath ~/socket\n  UserKnownHostsFile %d/known\n")
    route = Routes(operator).to("web1")
    assert route.option("controlpath") == f"{operator}/socket"
    assert route.known_hosts[0] == operator / "known"
