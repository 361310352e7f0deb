"""Under a load that never pauses, deploys, rollbacks, scales and restarts fail no request, nor does a bad release.

Half of the requests take 2 s, half come on kept connections.  `python -m benchmarks.load` is the same, with more.
"""

import itertools
import os
import time
from pathlib import Path

import pytest

from deployer.agent import sockets

from .apps import app
from .field import Hosts, Local, under_load
from .generator import RESET

pytestmark = pytest.mark.slow

RATE, QUIET = 60, 2.0
CHANGES = ("ship", "restart", "sick", "rollback", "up", "sick", "down")
_ports = itertools.count(24000 + os.getpid() % 40 * 100, 10)  # below those that the kernel gives to clients
NEEDS = {
    "gunicorn": pytest.mark.registry,
    "uvicorn": pytest.mark.registry,
    "node": pytest.mark.needs("node"),
    "caddy": pytest.mark.needs("caddy"),
    "nginx": pytest.mark.needs("nginx"),
    "rolling": pytest.mark.needs("nginx"),
}


def pairs(*found):
    """Parameters of a way and an app, with what they need."""
    return [
        pytest.param(behind, name, marks=[NEEDS[one] for one in (behind, name) if one in NEEDS])
        for behind, name in found
    ]


@pytest.fixture(scope="session")
def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer-tests"


@pytest.fixture
def port():
    return next(port for port in _ports if all(sockets.free(port + more) for more in range(6)))


def all_answered(field):
    try:
        with under_load(field, rate=RATE) as load:
            time.sleep(QUIET)  # no luck: so much of the load is to come before the first change, and after the last
            for word in CHANGES:
                field.do(word, load)
            time.sleep(QUIET)
            seen = load.ended()
    finally:
        field.end()
    assert seen.failed == 0, seen.failures
    assert RESET not in seen.outcomes
    assert seen.sent > RATE * seen.seconds * 0.5  # more, on a machine that lets it
    assert len(seen.releases) >= 2, seen.releases


@pytest.mark.parametrize(
    ("behind", "name"),
    pairs(("caddy", "gunicorn"), ("socket", "gunicorn")),  # `python -m benchmarks.load` tries every pair
)
def test_on_three_hosts_under_systemd(lab, tmp_path, cache, behind, name):
    made = app(tmp_path / "app", name, cache=cache)
    all_answered(Hosts(lab, made, tmp_path, behind=behind, manager="systemd"))


@pytest.mark.parametrize(
    ("behind", "name"),
    pairs(
        ("nginx", "stdlib"),
        ("socket", "node"),
        ("rolling", "stdlib"),
    ),
)
def test_here_under_the_embedded_manager(tmp_path, cache, port, behind, name):
    made = app(tmp_path / "app", name, cache=cache)
    all_answered(Local(made, tmp_path, behind=behind, port=port))
