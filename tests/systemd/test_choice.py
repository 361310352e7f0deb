"""Which process manager it is, and what happens to the processes when it is to be another one."""

import pytest

from .one_host import OneHost


@pytest.fixture
def deployed(lab, tmp_path) -> OneHost:
    """The app on a new host, as `deploy`, by the manager that `auto` finds."""
    made = OneHost(lab, lab.fresh_hosts(1)[0], tmp_path, "deploy")
    made.settings(manager="auto")
    return made


def test_another_manager_takes_over_what_runs(deployed):
    deployed.tiny.say("first")
    deployed.deploy("ship")
    deployed.serves("first")
    assert len(deployed.units()) == 3
    deployed.settings(manager="supervisor")
    deployed.deploy("run")
    deployed.serves("first")
    assert deployed.units() == []
    assert not list(deployed.host.root.glob("home/deploy/.config/systemd/user/tiny*"))
    deployed.settings(manager="auto")
    deployed.deploy("restart")
    assert deployed.units() == []  # what was chosen stays, until another is wished for
    deployed.settings(manager="systemd")
    deployed.deploy("run")
    deployed.serves("first")
    assert len(deployed.units()) == 3
    assert deployed.json("status")["ok"]


def test_without_lingering_it_is_the_embedded_one_or_nothing(deployed):
    deployed.host.run("loginctl disable-linger deploy")
    deployed.settings(manager="systemd")
    refused = deployed.run("ship")
    assert refused.code != 0
    assert "loginctl enable-linger deploy" in refused.err
    deployed.settings(manager="auto")
    deployed.tiny.say("embedded")
    shipped = deployed.run("ship")
    assert shipped.code == 0
    assert "lingering is off for deploy: nothing starts this when the host boots" in shipped.err
    deployed.serves("embedded")
    assert (deployed.place_seen / "run/supervisord.pid").exists()
