import shutil

import pytest

from deployer.hosts.local import Local
from deployer.hosts.ssh import Ssh, SshAccess
from deployer.hosts.ssh_settings import SshSettings
from tests.ssh.server import Sshd

QUICK = SshSettings(connect_timeout=3, login_timeout=15, silence=10)
BY_PROGRAM = SshSettings(connect_timeout=3, login_timeout=15, silence=10, client="openssh")


class Reached:
    """A way of reaching hosts, and what a test must know of the machine at its end."""

    def __init__(self, name, folder, sshd=None, home=None, settings=QUICK):
        self.name, self.folder, self.sshd, self.home, self.settings = name, folder, sshd, home, settings
        self.root = folder / "root"

    def host(self, root=None, **more):
        """The host; with a root of its own if need be."""
        root = str(self.root if root is None else root)
        if self.sshd is None:
            return Local(root, self.folder / "cache")
        access = more.pop("access", None) or SshAccess(self.settings, self.home, more.pop("ask", None))
        return Ssh(self.name, root, self.folder / "cache", access, app="shop", **more)


@pytest.fixture
def operator(tmp_path, monkeypatch):
    """A home of the operator's own: the real ~/.ssh and agent are left alone."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def over_ssh(tmp_path, operator):
    """`web1`, by a real sshd."""
    with Sshd(tmp_path / "sshd") as sshd:
        sshd.operator(operator, "web1")
        yield Reached("web1", tmp_path, sshd, operator)


@pytest.fixture
def over_openssh(over_ssh):
    """The same by the ssh program."""
    if not shutil.which("ssh"):
        pytest.skip("not installed: ssh")
    over_ssh.settings = BY_PROGRAM
    return over_ssh


@pytest.fixture(params=["local", "ssh", "openssh"])
def reached(request, tmp_path):
    """Every way of reaching a host."""
    if request.param == "local":
        return Reached("local", tmp_path)
    return request.getfixturevalue(f"over_{request.param}")
