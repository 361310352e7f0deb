"""What a user who is not root meets on a real host."""

from __future__ import annotations

import shutil

import pytest

from deployer.core import requests
from deployer.core.errors import HostUnreachable
from deployer.hosts.session import Session
from deployer.hosts.ssh import Ssh, SshAccess
from deployer.hosts.ssh_settings import SshSettings


@pytest.fixture
def reach(hosts, lab, tmp_path):
    """Make web1 a host to reach, with a root on it."""
    (tmp_path / ".ssh").mkdir()
    shutil.copy(lab.ssh_config, tmp_path / ".ssh" / "config")
    access = SshAccess(SshSettings(connect_timeout=5), tmp_path)
    return lambda root: Ssh(hosts[0].name, root, tmp_path / "cache", access, app="shop")


def test_the_root_is_by_default_in_the_home(reach):
    host = reach("")
    with Session(host, host.start()) as session:
        assert session.open(requests.Open("shop", "production", host.name, "")).root == "/home/deploy/shop"


def test_a_folder_that_is_not_ours_is_told_with_the_reason(reach):
    with pytest.raises(HostUnreachable) as told:
        reach("/usr/shop").start()
    assert "/usr/shop" in told.value.message
    assert "Permission denied" in told.value.message
    assert "`path`" in told.value.hint
