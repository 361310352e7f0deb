"""The table of all apps, printed when all of them have lived; each worker of the run writes its own rows."""

import json

import pytest

from .life import STEPS


@pytest.fixture
def table(record_property):
    """Keep one app's row for the end of the run."""

    def keep(name, steps):
        record_property("ordinary app", json.dumps([name, {step.name: str(step) for step in steps}]))

    return keep


def rows(terminalreporter):
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "ordinary app" and getattr(report, "when", "") == "call":
                    yield json.loads(value)


def pytest_terminal_summary(terminalreporter):
    found = sorted(rows(terminalreporter))
    if not found:
        return
    terminalreporter.section("ordinary apps: exit code, what serves then, requests lost of those sent")
    widths = {step: max(len(step), *(len(cells.get(step, "-")) for _, cells in found)) for step in STEPS}
    width = max(len(name) for name, _ in found)
    terminalreporter.line(" ".join([" " * width, *(step.ljust(widths[step]) for step in STEPS)]))
    for name, cells in found:
        row = [name.ljust(width), *(cells.get(step, "-").ljust(widths[step]) for step in STEPS)]
        terminalreporter.line(" ".join(row).rstrip())
