"""What holds for every test: what this machine lacks skips it, unless DEPLOYER_TEST_ALL says that nothing may."""

import os
import shutil

import pytest

from .lab.fixture import lab

__all__ = ["lab"]


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*programs): skipped where one of these programs is missing")


def pytest_collection_modifyitems(items):
    for item in items:
        if "node" in item.nodeid.rpartition("/")[2]:  # tests/builds/test_node….py, test_the_node_app_…
            item.add_marker(pytest.mark.needs("node", "npm"))


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        missing = [program for program in mark.args if shutil.which(program) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _none_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _none_skipped((yield))


def _none_skipped(report):
    """Under DEPLOYER_TEST_ALL a test that was skipped has failed: the machine lacks what it should have."""
    if os.environ.get("DEPLOYER_TEST_ALL") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason}\nDEPLOYER_TEST_ALL is set, and so no test may be skipped"
    return report
