"""What a test of systemd begins with: a host as it was when it was new, and the app on it."""

import pytest

from .one_host import OneHost


@pytest.fixture(scope="module")
def host(lab):
    """web1, as it was when it was new."""
    return lab.fresh_hosts(1)[0]


@pytest.fixture(scope="module", params=["root", "deploy"])
def one(request, lab, host, tmp_path_factory):
    """The app, shipped once as root under the system's systemd, once as `deploy` under its own."""
    made = OneHost(lab, host, tmp_path_factory.mktemp(request.param), request.param)
    made.tiny.say("first")
    made.deploy("ship")
    made.serves("first")
    yield made
    made.deploy("stop")
