"""A key that a CI secret has spoilt is told by what is wrong with it, and not one byte of it is shown."""

import base64
import subprocess

import pytest

from deployer.hosts import key_faults
from deployer.hosts.ssh_keys import Keyring


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.read_text(), path.with_name("id.pub").read_text()


SPOILT = {
    "it is empty": lambda private, public: " \n",
    "it is a public key": lambda private, public: public,
    "it is on one line": lambda private, public: private.replace("\n", " "),
    r"the two characters \n": lambda private, public: private.replace("\n", "\\n"),
    "it is base64 of a private key": lambda private, public: base64.b64encode(private.encode()).decode(),
    "its first and last lines": lambda private, public: "\n".join(private.splitlines()[1:-1]),
    "its end is missing": lambda private, public: "\n".join(private.splitlines()[:-2]),
    "something stands before": lambda private, public: f"KEY={private}",
    "it is no private key": lambda private, public: "${{ secrets.KEY }}",
}


@pytest.mark.parametrize("told", SPOILT)
def test_what_a_secret_has_done_to_a_key_is_said(key, tmp_path, told):
    path = tmp_path / "deploy_key"
    path.write_text(SPOILT[told](*key))
    why = Keyring(tmp_path, None)._opened(str(path), asking=False)
    assert told in str(why)
    assert not any(line in str(why) for line in key[0].splitlines()[1:-1])


def test_a_key_as_it_should_be_has_no_fault(key, tmp_path):
    path = tmp_path / "deploy_key"
    path.write_text(key[0])
    assert key_faults.fault(str(path)) == ""
    assert not isinstance(Keyring(tmp_path, None)._opened(str(path), asking=False), str)
