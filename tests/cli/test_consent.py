"""Nothing moves in silence: a target that is protected, and one that is another than before, are asked for."""

import pytest

from .terminal import MAIN, Terminal, deploy


@pytest.fixture
def app(tmp_path):
    """An app with a protected target that nobody can reach, and releases on this machine."""
    (tmp_path / "deploy.yaml").write_text("app: shop\n")
    state = tmp_path / "state"
    (state / "deployer/shop/ledger").mkdir(parents=True)
    (state / "deployer/shop/ledger/00000001").write_text("")
    return {"cwd": tmp_path, "XDG_STATE_HOME": str(state), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def write(app, target):
    (app["cwd"] / "deploy.yaml").write_text(f"app: shop\ntargets: {{production: {{hosts: [web1.invalid]{target}}}}}\n")


def test_a_protected_target_wants_its_name(app):
    write(app, ", protect: true")
    refused = deploy("stop", "-t", "production", **app)
    assert (refused.returncode, "production is protected" in refused.stderr) == (2, True)
    assert "`--yes`" in refused.stderr
    assert deploy("stop", "-t", "production", "--yes", **app).returncode == 40, "nobody is there to be stopped"
    assert deploy("ps", "-t", "production", **app).returncode == 40, "whoever looks is not asked"


@pytest.mark.parametrize(("name", "code"), [("production", 40), ("prod", 2)])
def test_a_person_types_the_name_of_a_protected_target(app, name, code):
    write(app, ", protect: true")
    terminal = Terminal([*MAIN, "stop", "-t", "production"], **app)
    terminal.until("shop → production: web1.invalid is protected. Type production to go on: ")
    terminal.send(f"{name}\n")
    assert terminal.end() == code


def test_the_first_target_since_the_last_command_is_said_once_without_a_terminal(app):
    write(app, "")
    first = deploy("stop", **app)
    assert "without `-t` this goes to production: web1.invalid, no longer to local" in first.stderr
    assert "no longer to local" not in deploy("stop", **app).stderr


def test_the_first_target_since_the_last_command_is_asked_for_on_a_terminal(app):
    write(app, "")
    for answer, code in (("n", 2), ("y", 40)):
        terminal = Terminal([*MAIN, "config", "set", "GREETING=hello"], **app)
        terminal.until("no longer to local. Go on? [y/N] ")
        terminal.send(f"{answer}\n")
        assert terminal.end() == code, terminal.shown
    named = deploy("stop", "-t", "production", **app)
    assert "no longer" not in named.stderr
