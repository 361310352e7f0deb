"""The real apps: a Wagtail site, Express with Vite, and the demo shop; deployed, changed by a line, rolled back."""

import os
import shutil

import pytest

from tests.apps.express import node_app
from tests.apps.repository import commit
from tests.apps.wagtail_site import wagtail_site

from .deployed import Deployed

SHOP = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "shop")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Where apps that were made with the registry's help are kept for the session."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def operator(tmp_path, port):
    """An operator who has deployed nothing yet; `operator(folder, app)` is one of an app."""
    known = []

    def of(folder, app):
        one = Deployed(folder, tmp_path / "home", app, port)
        one.home.mkdir()
        # The registry's own caches and settings stay the user's: only deployer's state is the test's.
        one.env["HOME"] = os.environ["HOME"]
        known.append(one)
        return one

    yield of
    for one in known:
        one.end()


def at_port(app, port):
    """The app's deploy.yaml with a port of the test's own."""
    settings = app.folder / "deploy.yaml"
    settings.write_text(settings.read_text().replace("web: {health: /up,", f"web: {{health: /up, port: {port},"))
    assert f"port: {port}" in settings.read_text()
    commit(app.folder, "A port of its own")


def its_life(one, app):
    """Ship, change by a line, ship, roll back: seen over HTTP each time; then it survives a broken release."""
    one.deploy("ship")
    assert app.text in one.get("/", seconds=30)
    assert "v" in one.get("/up")
    changed = app.one_line_change()
    one.deploy("ship")
    assert changed in one.get("/", seconds=30)
    one.deploy("rollback")
    assert app.text in one.get("/", seconds=30)
    assert one.json("build")["cached"], "the same commit again"
    one.deploy("scale", "web=2")
    port = next(row["port"] for row in one.json("ps")["processes"] if row["process"] == "web.2")
    assert app.text in one.get("/", number=port - one.port + 1, seconds=30)  # gunicorn's share one socket
    one.deploy("restart", "web.2")
    assert one.differences() == []
    one.deploy("stop")
    one.deploy("start")
    assert app.text in one.get("/", seconds=30)


@pytest.mark.slow
@pytest.mark.registry
def test_a_wagtail_site(operator, made, tmp_path, port):
    app = wagtail_site(tmp_path / "site", cache=made)
    at_port(app, port)
    one = operator(app.folder, "bakery")
    (tmp_path / "data").mkdir()
    values = app.configuration(tmp_path / "data")
    one.deploy("config", "set", *[f"{name}={value}" for name, value in values.items()])
    its_life(one, app)
    migrations = one.run("exec", "--", "python", "manage.py", "showmigrations", "--plan")
    assert migrations.code == 0
    assert "[ ]" not in migrations.out
    assert one.run("exec", "--", "gunicorn", "--version").code == 0, "console scripts work from another path"
    assert one.run("exec", "--", "python", "-m", "gunicorn", "--version").code == 0
    assert one.run("console", text="print('hello from', 'the console')\n").out.count("hello from the console") == 1


@pytest.mark.slow
@pytest.mark.registry
def test_a_node_app(operator, made, tmp_path, port):
    app = node_app(tmp_path / "site", cache=made)
    at_port(app, port)
    one = operator(app.folder, _name(app))
    its_life(one, app)
    assert not (one.root / "current" / "app" / "node_modules" / "vite").exists(), "dev dependencies are gone"
    assert one.run("exec", "--", "node", "--version").out.startswith("v")


@pytest.mark.slow
@pytest.mark.registry
def test_the_demo_shop(operator, tmp_path, port):
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)
    settings = (folder / "deploy.yaml").read_text()
    (folder / "deploy.yaml").write_text(settings.replace("health: /up", f"health: /up, port: {port}", 1))
    commit(folder, "The shop")
    one = operator(folder, "shop")
    one.deploy("config", "set", f"DATABASE_URL=sqlite:///{tmp_path}/shop.sqlite3", "SECRET_KEY=of-the-tests")
    one.deploy("ship")
    assert "v1" in one.get("/up")
    assert set(one.processes()) == {"web.1", "worker.1"}
    one.deploy("config", "set", "GREETING=Good evening", "--run")
    assert "Good evening" in one.get("/")


def _name(app):
    for line in (app.folder / "deploy.yaml").read_text().splitlines():
        if line.startswith("app: "):
            return line.removeprefix("app: ").strip()
    raise AssertionError("no app name")
