"""known_hosts as ssh reads it: names, hashes, patterns, markers; ssh-keygen is the second opinion."""

import base64
import subprocess
from pathlib import Path

import pytest

from deployer.core.errors import HostUnreachable
from deployer.hosts import known_hosts
from deployer.hosts.known_hosts import Key, KnownHosts, Verdict
from tests.ssh.server import Sshd, fingerprint, keygen

ONE, OTHER = Key("ssh-ed25519", b"one"), Key("ssh-ed25519", b"other")
RSA = Key("ssh-rsa", b"rsa")


def line(names, key, marker=""):
    return f"{marker} {names} {key.kind} {base64.b64encode(key.blob).decode()} a comment\n".lstrip()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "known_hosts"


@pytest.mark.parametrize(
    ("names", "name", "verdict"),
    [
        ("web1", "web1", Verdict.TRUSTED),
        ("web1,10.0.0.1", "10.0.0.1", Verdict.TRUSTED),
        ("web1", "web2", Verdict.UNKNOWN),
        ("web1", "web1.example.com", Verdict.UNKNOWN),
        ("*.example.com", "web1.example.com", Verdict.TRUSTED),
        ("*.example.com,!web1.example.com", "web1.example.com", Verdict.UNKNOWN),
        ("web?", "web1", Verdict.TRUSTED),
        ("[web1]:2222", "[web1]:2222", Verdict.TRUSTED),
        ("[web1]:2222", "web1", Verdict.UNKNOWN),
        ("[web1]:2222", "[web1]:2223", Verdict.UNKNOWN),
        ("web1", "[web1]:2222", Verdict.TRUSTED),  # as ssh does: without the port
        ("[web1]:22", "w:22", Verdict.UNKNOWN),  # a [ is no set of characters
        ("WEB1", "web1", Verdict.TRUSTED),
    ],
)
def test_a_name_is_found_as_ssh_finds_it(file, names, name, verdict):
    file.write_text(line(names, ONE))
    assert KnownHosts([file], name).judge(ONE) is verdict


def test_another_key_is_a_change_and_another_host_is_not(file):
    file.write_text(line("web1", ONE))
    assert KnownHosts([file], "web1").judge(OTHER) is Verdict.CHANGED
    assert KnownHosts([file], "web2").judge(OTHER) is Verdict.UNKNOWN


def test_a_key_of_another_port_is_no_change(file):
    file.write_text(line("web1", ONE))
    assert KnownHosts([file], "[web1]:2222").judge(OTHER) is Verdict.UNKNOWN


def test_a_host_may_have_several_keys(file):
    file.write_text(line("web1", ONE) + line("web1", RSA))
    found = KnownHosts([file], "web1")
    assert found.judge(ONE) is found.judge(RSA) is Verdict.TRUSTED
    assert found.kinds() == ["ssh-ed25519", "ssh-rsa"]


def test_a_revoked_key_is_revoked_wherever_it_is_trusted(file, tmp_path):
    more = tmp_path / "more"
    file.write_text(line("web1", ONE))
    more.write_text(line("*", ONE, "@revoked"))
    assert KnownHosts([file, more], "web1").judge(ONE) is Verdict.REVOKED


def test_an_authority_is_no_host_key(file):
    file.write_text(line("web1", ONE, "@cert-authority"))
    found = KnownHosts([file], "web1")
    assert found.judge(ONE) is Verdict.UNKNOWN
    assert found.authorities == [ONE]


def test_lines_that_cannot_be_read_are_passed_over(file):
    file.write_text(
        "# a comment\n\nweb1\nweb1 ssh-ed25519 !!!\n@odd web1 ssh-ed25519 b25l\n|1|x web1 b25l\n" + line("web1", ONE)
    )
    assert KnownHosts([file], "web1").judge(ONE) is Verdict.TRUSTED


def test_a_file_that_is_not_there_knows_nobody(tmp_path):
    assert KnownHosts([tmp_path / "none"], "web1").judge(ONE) is Verdict.UNKNOWN


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("name", ["web1", "[web1]:2222"])
def test_what_is_added_is_found_by_us_and_by_ssh_keygen(tmp_path, hashed, name):
    file = tmp_path / "new" / "known_hosts"
    kind, blob = Path(f"{keygen(tmp_path / 'key')}.pub").read_text().split()[:2]
    key = Key(kind, base64.b64decode(blob))
    known_hosts.add(file, name, [key], hashed=hashed)
    assert KnownHosts([file], name).judge(key) is Verdict.TRUSTED
    assert ("web1" in file.read_text()) is not hashed
    assert file.stat().st_mode & 0o777 == 0o600
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, check=False)
    assert found.returncode == 0
    assert key.fingerprint == fingerprint(tmp_path / "key.pub")


def test_adding_leaves_a_last_line_without_an_end_alone(file):
    file.write_text(line("web1", ONE).rstrip("\n"))
    known_hosts.add(file, "web2", [OTHER], hashed=False)
    assert KnownHosts([file], "web1").judge(ONE) is Verdict.TRUSTED
    assert KnownHosts([file], "web2").judge(OTHER) is Verdict.TRUSTED


def known(reached, text):
    (reached.home / ".ssh" / "known_hosts").write_text(text)


def test_a_hashed_file_lets_us_in(over_ssh):
    file = over_ssh.home / ".ssh" / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "127.0.0.1" not in file.read_text()
    over_ssh.host().start().close(timeout=10)


def test_the_type_that_is_known_is_asked_for(over_ssh, tmp_path):
    """The host has ed25519 too, which we would prefer: it must not look like a change."""
    with Sshd(tmp_path / "both", kinds=("ed25519", "ecdsa", "rsa")) as both:
        for kind in both.host_keys:
            both.operator(over_ssh.home, f"by-{kind}", known=False)
            known(over_ssh, both.known(kinds=[kind]))
            over_ssh.name = f"by-{kind}"
            over_ssh.host().start().close(timeout=10)


def test_a_host_key_alias_is_the_name_that_counts(over_ssh):
    with open(over_ssh.home / ".ssh" / "config", "a") as file:
        file.write("  HostKeyAlias the-web\n")
    known(over_ssh, over_ssh.sshd.known("the-web"))
    over_ssh.host().start().close(timeout=10)


class Authority:
    """A certificate authority, and sshd's key signed by it."""

    def __init__(self, reached, kind="ed25519"):
        self.reached, self.key = reached, keygen(reached.folder / f"authority-{kind}", kind=kind)
        self.public = " ".join(Path(f"{self.key}.pub").read_text().split()[:2])

    def sign(self, *more, names="127.0.0.1", host=True, kind="ed25519"):
        sshd = self.reached.sshd
        sshd.stop()
        line = ["ssh-keygen", "-q", "-s", str(self.key), "-I", "id", *(["-h"] if host else []), *more]
        line += ["-n", names] if names else []
        subprocess.run([*line, f"{sshd.host_keys[kind]}.pub"], check=True, capture_output=True)
        sshd.options = [f"HostCertificate {sshd.host_keys[kind]}-cert.pub"]
        sshd.start()


@pytest.fixture
def authority(over_ssh):
    one = Authority(over_ssh)
    known(over_ssh, f"@cert-authority * {one.public}\n")
    return one


@pytest.mark.parametrize("names", ["127.0.0.1", "web9,127.0.0.1", "127.0.0.*", ""])
def test_a_certificate_of_an_authority_is_enough(over_ssh, authority, names):
    authority.sign(names=names)
    over_ssh.host().start().close(timeout=10)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_authorities_and_hosts_of_every_type(over_ssh, kind):
    one = Authority(over_ssh, kind)
    sshd = over_ssh.sshd
    sshd.host_keys = {kind: keygen(sshd.folder / f"host_{kind}", kind=kind)}
    known(over_ssh, f"@cert-authority [127.0.0.1]:{sshd.port} {one.public}\n")
    one.sign(kind=kind)
    over_ssh.host().start().close(timeout=10)


def refusal(reached):
    with pytest.raises(HostUnreachable) as told:
        reached.host().start()
    assert "Accepted" not in reached.sshd.log.read_text()
    return told.value.message


def test_a_certificate_for_another_host(over_ssh, authority):
    authority.sign(names="web9")
    assert "its certificate is not for 127.0.0.1" in refusal(over_ssh)


def test_a_certificate_that_has_expired(over_ssh, authority):
    authority.sign("-V", "20200101:20200201")
    assert "its certificate is not valid now" in refusal(over_ssh)


def test_a_certificate_of_another_authority(over_ssh, authority):
    keygen(over_ssh.folder / "else")
    known(over_ssh, f"@cert-authority * {(over_ssh.folder / 'else.pub').read_text()}")
    authority.sign()
    assert "which is no authority for it" in refusal(over_ssh)


def test_an_authority_that_is_revoked(over_ssh, authority):
    known(over_ssh, f"@cert-authority * {authority.public}\n@revoked * {authority.public}\n")
    authority.sign()
    assert "which is no authority for it" in refusal(over_ssh)


def test_a_certified_key_that_is_revoked(over_ssh, authority):
    known(over_ssh, f"@cert-authority * {authority.public}\n@revoked * {over_ssh.sshd.known().split(' ', 1)[1]}")
    authority.sign()
    assert "revoked" in refusal(over_ssh)


def test_an_authority_for_other_hosts_says_nothing_of_this_one(over_ssh, authority):
    known(over_ssh, f"@cert-authority *.example.com {authority.public}\n")
    authority.sign()
    assert "its host key is not known" in refusal(over_ssh)


def test_a_host_of_an_authority_that_shows_a_plain_key_which_is_known(over_ssh, authority):
    known(over_ssh, f"@cert-authority * {authority.public}\n{over_ssh.sshd.known()}")
    over_ssh.host().start().close(timeout=10)


def test_a_bad_certificate_of_a_key_that_is_known_itself(over_ssh, authority):
    """As ssh does: the certificate is of no use, the key under it is."""
    known(over_ssh, f"@cert-authority * {authority.public}\n{over_ssh.sshd.known()}")
    authority.sign(names="web9")
    over_ssh.host().start().close(timeout=10)
