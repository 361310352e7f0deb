"""The primary, whose ledger counts, is lost: the copy of another host is made to count, and the target goes on."""

from .fleet import ROOT


def test_a_primary_that_is_lost_is_replaced_and_comes_back_as_one_of_the_others(fleet):
    served = fleet.answered()
    fleet["web1"].power_cut()
    text = fleet.say()
    with fleet.watch("web2", "web3") as watch:
        assert "deploy ledger promote" in fleet.json("ship", code=40)["error"]["hint"]
        assert fleet.deploy("ledger", "promote", "web2", "--yes") == "web2"
        made = fleet.deploy("ship", "--allow-missing")
    watch.served(only=[served, text])
    assert fleet.get_from("web2") == fleet.get_from("web3") == text
    told = fleet.json("run", code=40)
    assert "web1" in told["error"]["message"], "it is missed as long as it is missing"
    assert fleet.heals() == made
    assert fleet.answered() == text
    _another_machine(fleet, "web1")
    assert fleet.heals() == made, "a new machine in its place is brought up to date"
    assert fleet.answered() == text
    fleet.well = False  # the tests to come expect web1 to be the primary


def test_a_primary_that_is_lost_in_the_midst_of_a_run_takes_nothing_with_it(fleet):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch("web2", "web3") as watch:
        with fleet.begun("ship", "--json", at=("web1", "switch.launched")) as ship:
            fleet["web1"].power_cut()
        told = ship.ended(code=31)
        hosts = {host["host"]: host for host in told["error"]["hosts"]}
        assert hosts["web1"]["release"] is None
        assert hosts["web2"]["release"] == hosts["web3"]["release"] == serving["web1"]
        assert fleet.get_from("web2") == fleet.get_from("web3") == served
        fleet.deploy("ledger", "promote", "web3", "--yes")
        made = fleet.deploy("run", "--allow-missing")
    watch.served(only=[served, text])
    assert fleet.get_from("web2") == fleet.get_from("web3") == text
    assert fleet.heals() == made
    assert fleet.answered() == text
    fleet.well = False


def _another_machine(fleet, name: str) -> None:
    """The host's name and key, and nothing else of it."""
    fleet[name].reset()
    fleet[name].small_disk(f"/{ROOT}", 128, user="deploy")
