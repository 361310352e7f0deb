"""What a test of a fleet begins with: hosts that nobody has deployed to, or three that serve the tiny app."""

import os

import pytest

from .fleet import Fleet


@pytest.fixture
def hosts(lab):
    """web1, web2 and web3, as they were when they were new; `lab.ssh_config` knows the way to them."""
    return lab.fresh_hosts(3)


@pytest.fixture(scope="session")
def three(lab, tmp_path_factory):
    """The hosts of a whole test run: what a test leaves well, the next one takes over.

    Their process manager is systemd; DEPLOYER_TEST_MANAGER=supervisor tries the other one.
    """
    return Fleet(lab, tmp_path_factory.mktemp("fleet"), manager=os.environ.get("DEPLOYER_TEST_MANAGER", "systemd"))


@pytest.fixture
def fleet(three):
    """web1, web2 and web3, which serve the tiny app."""
    three.begin()
    return three
