"""Tests that need a systemd of their own run on hosts that have one: tests/systemd takes them there."""

from deployer.agent.systemctl import Systemctl


def pytest_collection_modifyitems(config, items):
    """Leave out here what tests/systemd runs elsewhere."""
    elsewhere = [item for item in items if item.get_closest_marker("on_systemd")]
    if elsewhere and not Systemctl().answers():
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]
