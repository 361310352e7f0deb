"""A host that is down, from the start or in the midst of a step; a host that is not the one that is known."""

import pytest

from tests.lab.access import key_pair, public

BEFORE_THE_SWITCH = {
    "transfer": ("web2", "object.create"),
    "stage": ("web2", "stage.link"),
    "release command": ("web1", "command.start"),  # on the primary
}
FROM_THE_SWITCH_ON = {
    "rehearsal": ("web2", "rehearsal.start"),
    "switch": ("web2", "current.renamed"),
    "health": ("web2", "switch.launched"),
    "confirm": ("web1", "ledger.create:2"),  # the primary: the first record is the release's
}


@pytest.mark.parametrize("name", ["web1", "web3"])
def test_a_host_that_is_down_from_the_start_stops_a_ship_before_anything_is_changed(fleet, name):
    served, serving = fleet.answered(), fleet.serves()
    fleet.say()
    fleet[name].power_cut()
    others = [host for host in fleet.hosts if host != name]
    with fleet.watch(*others) as watch:
        told = fleet.json("ship", code=40)
    assert name in told["error"]["message"]
    assert [host["host"] for host in told["error"]["hosts"]] == [name]
    assert ("promote" in told["error"]["hint"]) == (name == "web1"), "the primary's loss has a way out"
    watch.served(only=[served])
    assert fleet.serves() == serving
    fleet.heals()


@pytest.mark.parametrize("step", BEFORE_THE_SWITCH)
def test_a_host_that_goes_down_before_the_switch_stops_the_ship_and_nothing_was_touched(fleet, step):
    name, point = BEFORE_THE_SWITCH[step]
    served, serving = fleet.answered(), fleet.serves()
    fleet.say()
    others = [host for host in fleet.hosts if host != name]
    with fleet.watch(*others) as watch:
        with fleet.begun("ship", "--json", at=(name, point)) as ship:
            fleet[name].power_cut()
            fleet[name].boot()
        told = ship.ended(code=40)
    assert name in told["error"]["message"]
    watch.served(only=[served])
    assert fleet.serves() == serving
    fleet.heals()


@pytest.mark.parametrize("step", FROM_THE_SWITCH_ON)
def test_a_host_whose_power_is_cut_in_the_midst_of_a_run_goes_back_like_all_others(fleet, step):
    name, point = FROM_THE_SWITCH_ON[step]
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    others = [host for host in fleet.hosts if host != name]
    with fleet.watch(*others) as watch:
        with fleet.begun("ship", "--json", at=(name, point)) as ship:
            fleet[name].power_cut()
            fleet[name].boot()
        told = ship.ended(code=30)
    assert told["error"]["details"]["outcome"] == "restored"
    assert {host["host"]: (host["release"], host["ok"]) for host in told["error"]["hosts"]} == {
        host: (version, host != name) for host, version in serving.items()
    }
    watch.served(only=[served, text])
    assert fleet.serves() == serving
    assert set(fleet.answers().values()) == {served}, "the host that was down serves again too"
    fleet.heals()
    assert set(fleet.answers().values()) == {text}


def test_a_host_that_is_rebooted_in_the_midst_of_a_switch_goes_back_like_all_others(fleet):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch("web1", "web3") as watch:
        with fleet.begun("ship", "--json", at=("web2", "switch.launched")) as ship:
            fleet["web2"].reboot()
        told = ship.ended(code=30)
    assert {host["host"]: host["ok"] for host in told["error"]["hosts"]} == {"web1": True, "web2": False, "web3": True}
    watch.served(only=[served, text])
    assert fleet.serves() == serving
    assert fleet.answered() == served
    fleet.heals()
    assert fleet.answered() == text


def test_a_host_that_goes_down_and_stays_down_is_told_as_unknown(fleet):
    served, serving = fleet.answered(), fleet.serves()
    fleet.say()
    with fleet.watch("web1", "web3") as watch:
        with fleet.begun("ship", "--json", at=("web2", "switch.launched")) as ship:
            fleet["web2"].power_cut()
        told = ship.ended(code=31)
    hosts = {host["host"]: host for host in told["error"]["hosts"]}
    assert hosts["web2"]["release"] is None
    assert "unknown" in hosts["web2"]["error"]
    assert {hosts["web1"]["release"], hosts["web3"]["release"]} == {serving["web1"]}
    assert fleet.answers()["web1"] == served
    assert watch.texts["web1"][-1] == watch.texts["web3"][-1] == served
    watch.served()
    fleet.heals()


def test_a_host_that_dies_while_the_end_state_is_read_back_keeps_the_exit_code_from_being_0(fleet):
    fleet.settings(patience="60s")  # or hosts that switch slowly are looked at before they are confirmed
    text = fleet.say()
    with fleet.begun("ship", at=("web2", "look")) as ship:
        fleet["web2"].power_cut()
        fleet["web2"].boot()
    assert ship.ended().code == 40
    fleet.heals()
    assert set(fleet.answers().values()) == {text}


def test_a_host_with_another_key_is_not_spoken_to(fleet, tmp_path):
    served, serving = fleet.answered(), fleet.serves()
    fleet.say()
    known = fleet.home / ".ssh" / "known_hosts"
    lines = fleet.lab.known_hosts.read_text()
    other = public(key_pair(tmp_path / "other", "other"))
    known.write_text(lines.replace(public(fleet["web2"].key), other))
    config = fleet.home / ".ssh" / "config"
    config.write_text(config.read_text().replace(str(fleet.lab.known_hosts), str(known)))
    with fleet.watch() as watch:
        told = fleet.json("ship", code=40)
    message = told["error"]["message"] + told["error"]["hint"]
    assert "web2" in message
    assert message.count("SHA256:") == 2, "both fingerprints are shown"
    assert fleet.serves() == serving
    watch.served(only=[served])
    known.write_text(lines)
    fleet.heals()
