"""`deploy host show` and `deploy host trust`, typed by a user against a real sshd."""

import json
import sys
from pathlib import Path

import pytest

from deployer.hosts.known_hosts import KnownHosts
from tests.cli.terminal import MAIN, Terminal, deploy
from tests.ssh.server import Sshd, fingerprint, keygen

SETTINGS = """\
app: shop
targets:
  production:
    hosts: [{{host: web1, path: {folder}/one}}, {{host: web2, path: {folder}/two}}]
"""


class Typed:
    """A project whose hosts nobody trusts yet, and whoever types there."""

    def __init__(self, folder, sshd):
        self.folder, self.sshd, self.home = folder, sshd, folder / "home"
        self.known = self.home / ".ssh" / "known_hosts"
        self.address = f"[127.0.0.1]:{sshd.port}"
        (folder / "deploy.yaml").write_text(SETTINGS.format(folder=folder))
        sshd.operator(self.home, "web1", "web2", known=False)

    def __call__(self, *words):
        return deploy(*words, cwd=self.folder, HOME=str(self.home))

    def terminal(self, *words):
        return Terminal([*MAIN, *words], cwd=self.folder, HOME=str(self.home))

    def shown(self, kind="ed25519"):
        return fingerprint(Path(f"{self.sshd.host_keys[kind]}.pub"))

    def trusted(self):
        return [entry.key.fingerprint for entry in KnownHosts([self.known], self.address).keys]


@pytest.fixture
def typed(tmp_path):
    with Sshd(tmp_path / "sshd", kinds=("ed25519", "ecdsa")) as sshd:
        yield Typed(tmp_path, sshd)


def test_nothing_is_trusted_without_a_terminal_and_without_a_fingerprint(typed):
    done = typed("host", "trust", "web1")
    assert done.returncode == 40
    assert typed.shown() in done.stderr
    assert typed.shown("ecdsa") in done.stderr
    assert "--fingerprint" in done.stderr
    assert typed.trusted() == []


def test_the_key_of_the_given_fingerprint_is_trusted_and_no_other(typed):
    done = typed("host", "trust", "web1", "--fingerprint", typed.shown("ecdsa"), "--json")
    assert done.returncode == 0
    (told,) = json.loads(done.stdout)["hosts"]
    assert (told["host"], told["known_as"]) == ("web1", typed.address)
    assert told["added"] == typed.trusted() == [typed.shown("ecdsa")]
    assert typed("host", "show").returncode == 0


def test_another_fingerprint_is_refused(typed):
    done = typed("host", "trust", "web1", "--fingerprint", "SHA256:" + "A" * 43)
    assert done.returncode == 40
    assert "none of its keys" in done.stderr
    assert typed.trusted() == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 40), ("", 40)])
def test_on_a_terminal_there_is_a_question(typed, answer, code):
    terminal = typed.terminal("host", "trust", "web1")
    terminal.until("Are these its keys?")
    assert typed.shown() in terminal.shown
    assert typed.trusted() == []
    terminal.send(f"{answer}\n")
    assert terminal.end() == code
    assert sorted(typed.trusted()) == (sorted([typed.shown(), typed.shown("ecdsa")]) if code == 0 else [])


def test_what_is_trusted_already_stays_as_it_is(typed):
    typed.known.write_text(typed.sshd.known(kinds=["ed25519"]))
    before = typed.known.read_bytes()
    done = typed("host:trust", "web1", "web2")
    assert (done.returncode, typed.known.read_bytes()) == (0, before)
    assert "web1: trusted already" in done.stderr


def test_a_changed_key_is_refused_whatever_is_said(typed, tmp_path):
    other = keygen(tmp_path / "other")
    typed.known.write_text(f"{typed.address} {Path(f'{other}.pub').read_text()}")
    done = typed("host", "trust", "web1", "--fingerprint", typed.shown())
    assert done.returncode == 40
    assert typed.shown() in done.stderr
    assert fingerprint(Path(f"{other}.pub")) in done.stderr
    assert "ssh-keygen -R" in done.stderr


def test_names_are_hashed_where_ssh_would_hash_them(typed):
    with open(typed.home / ".ssh" / "config", "a") as file:
        file.write("  HashKnownHosts yes\n")
    assert typed("host", "trust", "web1", "--fingerprint", typed.shown()).returncode == 0
    assert "127.0.0.1" not in typed.known.read_text()
    assert typed.trusted() == [typed.shown()]


def test_any_name_that_ssh_knows_may_be_trusted(typed):
    typed.sshd.operator(typed.home, "gateway", known=False)
    assert typed("host", "trust", "gateway", "--fingerprint", typed.shown()).returncode == 0


def test_what_is_there_is_shown(typed):
    typed.known.write_text(typed.sshd.known())
    done = typed("host", "show", "--json")
    assert done.returncode == 0
    one, two = json.loads(done.stdout)["hosts"]
    assert (one["host"], one["root"], one["agent"]) == ("web1", f"{typed.folder}/one", "sent")
    assert (two["host"], two["root"], two["agent"]) == ("web2", f"{typed.folder}/two", "sent")
    assert one["address"] == f"{typed.sshd.user}@127.0.0.1:{typed.sshd.port}"
    assert one["python"] == ".".join(map(str, sys.version_info[:3]))
    assert (one["current"], one["releases"], one["error"], one["client"]) == (None, [], None, "paramiko")
    (again,) = json.loads(typed("host", "show", "web2", "--json").stdout)["hosts"]
    assert (again["host"], again["agent"]) == ("web2", "present")


def test_a_host_that_cannot_be_reached_is_among_those_shown(typed):
    with open(typed.home / ".ssh" / "config") as file:
        text = file.read()
    lost = "Host web2\n  Port 1\n"
    (typed.home / ".ssh" / "config").write_text(lost + text)
    typed.known.write_text(typed.sshd.known())
    done = typed("host", "show", "--json")
    assert done.returncode == 40
    one, two = json.loads(done.stdout)["hosts"]
    assert one["error"] is None
    assert "nothing listens on 127.0.0.1:1" in two["error"]


def test_a_passphrase_is_asked_for_on_the_terminal_and_never_echoed(typed):
    key = keygen(typed.folder / "locked", passphrase="open-sesame")
    typed.sshd.authorize(key)
    config = typed.home / ".ssh" / "config"
    config.write_text(config.read_text().replace(str(typed.sshd.key), str(key)))
    typed.known.write_text(typed.sshd.known())
    terminal = typed.terminal("host", "show")
    terminal.until(f"Passphrase for {key}: ")
    terminal.send("open-sesame\n")
    assert terminal.end() == 0
    assert "open-sesame" not in terminal.shown
    assert terminal.shown.count("Passphrase") == 1
