"""What a newcomer's app is told in its first week is true: exit 0 means that the new release serves, 30 the old one."""

import os

import pytest

from tests.e2e.deployed import Deployed

from .apps import ALL, ANSWERING_500, CRASHING, UNIMPORTABLE, WRONG_PORT
from .life import Life

FAILED, DONE = 30, 0
SOME = (
    "Flask, bare gunicorn",
    "Express, npm start",
    "bash loop",
    "static folder",
)  # one of each kind; DEPLOYER_TEST_APPS=all tries all twenty, for half an hour
CHOSEN = [app for app in ALL if app.name in SOME or os.environ.get("DEPLOYER_TEST_APPS") == "all"]


@pytest.mark.registry
@pytest.mark.slow
@pytest.mark.parametrize("app", [pytest.param(app, id=app.name, marks=pytest.mark.needs(*app.needs)) for app in CHOSEN])
def test_an_ordinary_app_is_served_or_what_served_still_is(app, tmp_path, table):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "ordinary").mkdir()
    deployed = Deployed(tmp_path / "ordinary", home, "ordinary", 0)
    deployed.leave_first_ports()
    life = Life(app, deployed)
    try:
        life.live()
    finally:
        deployed.end()
        table(app.name, life.steps)
    steps = {step.name: step for step in life.steps}
    assert (steps["init"].code, steps["ship"].code, steps["change"].code) == (DONE, DONE, DONE), told(life)
    assert steps["ship"].serves == "one", told(life)
    assert steps["change"].serves == "two", told(life)
    serving = "two"
    for name in (UNIMPORTABLE, WRONG_PORT, CRASHING, ANSWERING_500):
        if name in steps:
            serving = f"three {name}" if steps[name].code == DONE else serving
            assert steps[name].serves == serving, told(life)
            assert steps[name].code == FAILED or name == WRONG_PORT, told(life)
    before = "one" if serving == "two" else "two"
    assert (steps["rollback"].code, steps["rollback"].serves) == (DONE, before), told(life)
    assert (steps["config set --run"].code, steps["config set --run"].serves) == (DONE, steps["rollback"].serves)


def told(life):
    return "\n".join(f"{step.name}: {step}\n{step.said}" for step in life.steps)
