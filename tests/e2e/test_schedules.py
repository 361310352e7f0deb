"""What has a schedule runs at its times, of what is current, and every command knows of it."""

from pathlib import Path

import pytest

from tests.apps.tiny import TinyApp, tiny_app

from .deployed import Deployed, eventually

NOTES = '"$DEPLOY_ROOT/shared/notes"'
COMMAND = f'echo "begin $DEPLOY_RELEASE" >>{NOTES}; echo reporting; sleep 1.2; echo end >>{NOTES}; exit 3'
MORE = f"""\
  report:
    command: {COMMAND!r}
    stop_timeout: 2s
    schedule: "*:*:*"
"""


@pytest.fixture
def app(tmp_path, port) -> TinyApp:
    made = tiny_app(tmp_path / "app", more=MORE)
    made.settings((made.folder / "deploy.yaml").read_text().replace("web: {", f"web: {{port: {port}, "))
    return made


@pytest.fixture
def tiny(app, tmp_path, port):
    made = Deployed(app.folder, tmp_path / "home", "tiny", port)
    made.deploy("ship")
    yield made
    made.deploy("stop")


def notes(tiny: Deployed) -> list[str]:
    """What the runs have written so far."""
    path = Path(tiny.root / "shared/notes")
    return path.read_text().splitlines() if path.exists() else []


def report(tiny: Deployed, state: str) -> dict:
    """The line of `ps` of the report that is in this state."""
    (found,) = [row for row in tiny.json("ps")["processes"] if row["process"] == "report.1" and row["state"] == state]
    return found


def begins(tiny: Deployed, release: str) -> None:
    """In bounded time a run of the release begins."""
    before = len(notes(tiny))
    eventually(lambda: f"begin {release}" in notes(tiny)[before:], what=f"a run of {release}")


def alternate(lines: list[str]) -> bool:
    """Whether no run began before the one before it had ended."""
    words = [line.split()[0] for line in lines]
    return all(word == ("begin", "end")[number % 2] for number, word in enumerate(words))


def test_it_runs_of_what_is_current_and_everybody_hears_of_it(app, tiny):
    begins(tiny, "v1")
    eventually(
        lambda: any(row["state"] == "up" and row["process"] == "report.1" for row in tiny.json("ps")["processes"])
    )
    eventually(lambda: "reporting" in tiny.deploy("logs", "report"), what="its output")
    ends = "report: exited with code 3 after 1."
    eventually(lambda: any(e["event"] == "ran" and e["text"].startswith(ends) for e in tiny.json("events")["events"]))
    assert tiny.json("status")["ok"]
    app.say("second")
    assert tiny.deploy("ship") == "v2"
    begins(tiny, "v2")
    tiny.deploy("rollback")
    begins(tiny, "v1")
    assert alternate(notes(tiny))


def test_a_run_that_fails_leaves_the_times_with_the_release_before(app, tiny):
    begins(tiny, "v1")
    app.behave(web="fail-health")
    tiny.deploy("ship", code=30)
    count = len(notes(tiny))
    eventually(lambda: len(notes(tiny)) > count + 3, what="more runs")
    assert {line for line in notes(tiny) if line.startswith("begin")} == {"begin v1"}
    assert tiny.json("status")["ok"]


def test_scale_and_stop_switch_it_off_and_on(tiny):
    begins(tiny, "v1")
    tiny.deploy("scale", "report=0")
    eventually(lambda: not [r for r in tiny.json("ps")["processes"] if r["process"] == "report.1"], what="its end")
    tiny.deploy("scale", "report=1")
    begins(tiny, "v1")
    tiny.deploy("stop")
    assert tiny.json("ps")["processes"] == []
    tiny.deploy("start")
    begins(tiny, "v1")
    assert tiny.json("status")["ok"]


def test_one_that_is_far_away_is_seen_with_its_time(app, tiny):
    app.settings((app.folder / "deploy.yaml").read_text().replace("*:*:*", "0 3 29 2 *"))
    tiny.deploy("ship")
    assert "-02-29 03:00:00" in report(tiny, "scheduled")["reason"]
    assert "scheduled (next " in tiny.deploy("ps")


@pytest.mark.parametrize(
    "fault", ["schedules.apply", "scheduled.rename", "supervisor.scheduler.rename", "schedules.applied"]
)
def test_a_switch_that_is_cut_off_leaves_the_times_with_the_release_before(app, tiny, fault):
    begins(tiny, "v1")
    app.say("never")
    assert tiny.run("ship", env={"DEPLOYER_FAULT": f"{fault}:1"}).code != 0
    eventually(lambda: not (tiny.root / "run/pending").exists(), what="the host to put back what served")
    count = len(notes(tiny))
    begins(tiny, "v1")
    begins(tiny, "v1")
    assert "begin v2" not in notes(tiny)[count + 1 :]  # but for one that had begun
    assert alternate(notes(tiny))
    assert tiny.json("status")["ok"]
