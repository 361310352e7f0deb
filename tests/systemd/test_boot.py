"""After a reboot, or a power cut at any moment of a run, exactly one release runs: the one that `current` names."""

import pytest

from tests.e2e.deployed import eventually

from .one_host import OneHost, instances

UNITS = ["web@{}-1", "web@{}-2", "worker@{}-1"]


def one_release_runs(one: OneHost, text: str) -> str:
    """In bounded time `text` is served, by the formation of `current` and nothing else; its name."""
    one.serves(text)
    eventually(lambda: not (one.place_seen / "run/pending").exists(), seconds=60, what="nothing to be pending")
    release = one.named()
    units = [f"tiny-production-{unit.format(release[1:])}.service" for unit in UNITS]
    eventually(lambda: one.units() == units, seconds=60, what=f"exactly {units} to run")
    assert one.releases_of_all_processes() == {release}
    return release


def test_a_reboot_brings_the_formation_of_current_up(one):
    one.host.reboot()
    release = one_release_runs(one, "first")
    assert {row["release"] for row in instances(one)} == {release}
    assert one.json("status")["ok"]


def test_a_power_cut_in_peace_is_a_reboot(one):
    one.host.power_cut()
    one.host.boot()
    one_release_runs(one, "first")


@pytest.mark.parametrize(
    "fault",
    ["pending.rename", "rehearsal.start", "current.rename", "current.renamed", "systemd.process.create:3",
     "systemd.start", "systemd.stop-said", "switch.launched", "switch.ready"],
)  # fmt: skip
def test_a_power_cut_before_the_confirmation_puts_the_old_release_back(one, fault):
    before = one.named()
    one.tiny.say(f"never {fault}")
    with one.standing_at(fault, "ship"):
        one.host.power_cut()
    one.host.boot()
    assert one_release_runs(one, "first") == before
    assert one.json("status")["ok"]


def test_a_power_cut_after_the_confirmation_keeps_the_new_release(one):
    one.tiny.say("second")
    one.deploy("ship")
    one.host.power_cut()
    one.host.boot()
    one_release_runs(one, "second")
    one.tiny.say("first")
    one.deploy("ship")


def test_a_stopped_formation_stays_stopped(one):
    one.deploy("stop")
    one.host.reboot()
    boot = "tiny-production.service"
    eventually(lambda: "ActiveState=active" in one.systemctl("show", boot), seconds=60, what="the boot to be over")
    assert one.units() == []
    assert one.releases_of_all_processes() == set()
    one.deploy("start")
    one_release_runs(one, "first")
