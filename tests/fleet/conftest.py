"""Every test of a fleet begins with hosts that nobody has deployed to."""

import pytest


@pytest.fixture
def hosts(lab):
    """web1, web2 and web3, as they were when they were new; `lab.ssh_config` knows the way to them."""
    return lab.fresh_hosts(3)
