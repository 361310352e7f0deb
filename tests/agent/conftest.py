"""What the agent's tests begin with.  Those that need a systemd of their own run where tests/systemd takes them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor
from deployer.agent.systemctl import Systemctl

from .managed import MANAGERS, of_the_target
from .releases import a_target


def pytest_collection_modifyitems(config, items):
    """Leave out here what tests/systemd runs elsewhere."""
    elsewhere = [item for item in items if item.get_closest_marker("on_systemd")]
    if elsewhere and not Systemctl().answers():
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


@pytest.fixture
def files(request, tmp_path: Path) -> Layout:
    return a_target(tmp_path / getattr(request, "param", "target"))


@pytest.fixture(params=list(MANAGERS))
def build(request) -> Callable[[Layout], Supervisor]:
    """Each process manager that this machine has; a module that is about one alone has a `build` of its own."""
    return MANAGERS[request.param]


@pytest.fixture
def manager(build, files) -> Iterator[Supervisor]:
    made = build(files)
    made.ensure()
    yield made
    made.shutdown()
    assert of_the_target(files) == []
    assert not list(Systemctl().units.glob("*shop-local*"))


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
