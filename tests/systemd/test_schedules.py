"""What has a schedule runs by timers on a real host: of what is current, never twice at once, and after a boot."""

from __future__ import annotations

import re

import pytest

from tests.e2e.deployed import eventually

from .one_host import SETTINGS, OneHost, instances
from .test_boot import one_release_runs

NOTES = '"$DEPLOY_ROOT/shared/notes"'
COMMAND = f'echo "begin $DEPLOY_RELEASE" >>{NOTES}; echo reporting; sleep 1.3; echo end >>{NOTES}; exit 3'
REPORT = f"  report:\n    command: {COMMAND!r}\n    stop_timeout: 2s\n    schedule: '*:*:*'\n"


@pytest.fixture(scope="module")
def timed(one) -> OneHost:
    """The app with a process type that has a schedule."""
    ship(one)
    return one


def ship(one: OneHost) -> str:
    """Ship the app with the type; the release."""
    text = SETTINGS.replace("targets:\n", f"{REPORT}targets:\n").replace("worker: 1}", "worker: 1, report: 1}")
    text = (
        text.replace("USER", one.user).replace("MANAGER", "systemd").replace("WEB", "").replace("web1", one.host.name)
    )
    one.tiny.settings(text)
    return one.deploy("ship")


def notes(one: OneHost) -> list[str]:
    """What the runs have written so far."""
    path = one.place_seen / "shared/notes"
    return path.read_text().splitlines() if path.exists() else []


def begins(one: OneHost, release: str) -> None:
    """In bounded time a run of the release begins."""
    before = len(notes(one))
    eventually(lambda: f"begin {release}" in notes(one)[before:], seconds=60, what=f"a run of {release}")


def states(one: OneHost) -> set[str]:
    """The states in which `ps` shows the report."""
    return {row["state"] for row in instances(one) if row["process"] == "report.1"}


def alternate(lines: list[str]) -> bool:
    """Whether no run began before the one before it had ended."""
    words = [line.split()[0] for line in lines]
    return all(word == ("begin", "end")[number % 2] for number, word in enumerate(words))


def test_a_timer_runs_what_is_current_and_everybody_hears_of_it(timed):
    first = timed.named()
    begins(timed, first)
    eventually(lambda: states(timed) == {"up"}, seconds=30, what="a run to be seen")
    eventually(lambda: states(timed) == {"scheduled"}, seconds=30, what="the next time to be seen")
    assert "reporting" in timed.deploy("logs", "report")
    told = [e["text"] for e in timed.json("events")["events"] if e["event"] == "ran"]
    assert re.match(r"report: exited with code 3 after [1-9]\.\d s", told[0])
    assert timed.json("status")["ok"]
    timed.tiny.say("second")
    second = timed.deploy("ship")
    begins(timed, second)
    timed.deploy("rollback")
    begins(timed, first)
    assert alternate(notes(timed))
    timed.tiny.say("first")
    timed.deploy("ship")


def test_a_run_that_fails_leaves_the_timer_with_the_release_before(timed):
    before = timed.named()
    timed.tiny.behave(web="fail-health")
    timed.deploy("ship", code=30)
    timed.tiny.behave(web="ok")
    count = len(notes(timed))
    eventually(lambda: len(notes(timed)) > count + 3, seconds=30, what="more runs")
    assert {line for line in notes(timed)[count:] if line.startswith("begin")} == {f"begin {before}"}
    assert alternate(notes(timed))


def test_stop_ends_a_run_and_start_keeps_the_times_again(timed):
    eventually(lambda: notes(timed)[-1].startswith("begin"), seconds=30, what="a run")
    timed.deploy("stop")
    assert instances(timed) == []
    assert "scheduled" not in timed.systemctl("list-timers", "--all")
    (timed.place_seen / "shared/notes").unlink(missing_ok=True)
    timed.deploy("start")
    begins(timed, timed.named())
    timed.deploy("scale", "report=0")
    eventually(lambda: states(timed) == set(), seconds=30, what="the last run to end")
    timed.deploy("scale", "report=1")
    begins(timed, timed.named())


@pytest.mark.parametrize("end", ["reboot", "power_cut"])
def test_after_a_boot_the_times_of_what_is_current_are_kept_again(timed, end):
    getattr(timed.host, end)()
    if end == "power_cut":
        timed.host.boot()
    (timed.place_seen / "shared/notes").unlink(missing_ok=True)
    one_release_runs(timed, "first")
    begins(timed, timed.named())
    assert timed.json("status")["ok"]


def test_a_power_cut_in_the_middle_of_a_run_leaves_the_times_with_the_release_before(timed):
    before = timed.named()
    timed.tiny.say("never")
    with timed.standing_at("schedules.applied", "ship"):
        timed.host.power_cut()
    timed.host.boot()
    assert one_release_runs(timed, "first") == before
    (timed.place_seen / "shared/notes").unlink(missing_ok=True)
    begins(timed, before)
    timed.tiny.say("first")


@pytest.mark.parametrize("user", ["root", "deploy"])
def test_the_systemd_of_debian_11_does_it_too(lab, tmp_path, user):
    one = OneHost(lab, lab.fresh_hosts(1, suite="bullseye")[0], tmp_path, user)
    one.tiny.say("first")
    begins(one, ship(one))
    told = eventually(lambda: [e["text"] for e in one.json("events")["events"] if e["event"] == "ran"], seconds=30)
    assert told[0].startswith("report: exited with code 3 after 1.")
    assert "reporting" in one.deploy("logs", "report")
    one.host.power_cut()
    one.host.boot()
    (one.place_seen / "shared/notes").unlink(missing_ok=True)
    release = one_release_runs(one, "first")
    begins(one, release)
    assert alternate(notes(one))
    one.deploy("stop")
