"""What every test of routers begins with: two apps, and a router of each kind with somebody else's site."""

import pytest

from deployer.agent.layout import Layout

from .programs import PROGRAMS, App


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.needs(kind)) for kind in PROGRAMS])
def program(request, tmp_path):
    made = PROGRAMS[request.param](tmp_path / request.param)
    yield made
    made.stop()


@pytest.fixture
def files(tmp_path):
    return a_root(tmp_path / "root", "shop")


def a_root(root, app):
    made = Layout(root, app, "local")
    for folder in (made.run, made.releases):
        folder.mkdir(parents=True)
    return made


@pytest.fixture
def one():
    made = App("one")
    yield made
    made.end()


@pytest.fixture
def two():
    made = App("two")
    yield made
    made.end()
