import itertools
import os

import pytest

from deployer.agent import sockets
from tests.apps.tiny import TinyApp, tiny_app

from .deployed import Deployed

FAST = """\
app: {app}
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 60s, stop_timeout: 2s, healthy_time: 300ms, port: {port}}}
  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
{more}"""
_blocks = itertools.count()


@pytest.fixture
def port():
    """The first of a hundred ports that no other test has."""
    return port_of_its_own()


def port_of_its_own():
    """The first of a hundred ports that no other test has, for an app that several tests share."""
    while True:
        first = (
            10000 + (os.getpid() * 13 + next(_blocks)) % 220 * 100
        )  # below the ports that the kernel gives to clients
        if first // 1000 != 19 and all(sockets.free(port) for port in range(first, first + 10)):  # tests/cli has these
            return first


@pytest.fixture
def tiny(tmp_path) -> TinyApp:
    """The tiny app, nothing of it deployed yet."""
    return tiny_app(tmp_path / "app")


@pytest.fixture
def deployed(tiny, tmp_path, port):
    """The tiny app and its operator; nothing runs yet."""
    tiny.settings(FAST.format(app="tiny", port=port, more=""))
    one = Deployed(tiny.folder, tmp_path / "home", "tiny", port)
    one.home.mkdir()
    one.leave_first_ports()
    yield one
    one.end()


@pytest.fixture
def fast():
    """deploy.yaml of a tiny app that is up at once."""
    return FAST
