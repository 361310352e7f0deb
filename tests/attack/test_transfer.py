"""A build that travels to a root of its own, as it does to every host but this machine's default one."""

import pytest


@pytest.fixture
def elsewhere(deployed, tiny, tmp_path, fast):
    """The target in a folder that is not the operator's store."""
    place = tmp_path / "elsewhere"
    tiny.settings(fast.format(app="tiny", port=deployed.port, more=f"targets: {{local: {{path: {place}}}}}\n"))
    deployed.place = place
    return deployed


@pytest.mark.parametrize("point", ["object.create:2", "object.rename:3", "syncfs:1", "syncfs:2", "manifest.create:1"])
def test_a_kill_while_a_build_arrives_is_cleaned_up_by_the_next_release(elsewhere, point):
    elsewhere.deploy("build")
    assert elsewhere.run("release", env={"DEPLOYER_FAULT": point}).code == 40
    elsewhere.deploy("release", "--wait", "10s")
    elsewhere.deploy("run")
    assert elsewhere.differences() == []
    elsewhere.deploy("prune")
    assert not list(elsewhere.place.rglob(".tmp-*"))
