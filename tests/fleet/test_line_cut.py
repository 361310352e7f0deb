"""The line to a host is cut, and nobody is told: in the middle of the transfer, and after the switch."""

from tests.e2e.deployed import eventually


def test_a_line_that_is_cut_in_the_middle_of_the_transfer_leaves_no_half_build(fleet):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.grow()
    with fleet.watch() as watch:
        with fleet.begun("ship", "--json", at=("web2", "object.create:20")) as ship:
            fleet["web2"].unplug()
        eventually(lambda: fleet.free("web2"), what="web2's agent to miss its operator")
        assert list(fleet.of("web2").glob("objects/.tmp-*")) == []
        fleet["web2"].plug()
        told = ship.ended(code=40)
    assert "web2" in told["error"]["message"]
    watch.served(only=[served])
    assert fleet.serves() == serving
    fleet.deploy("ship")
    fleet.heals()
    assert fleet.answered() == text


def test_a_host_that_hears_nothing_after_the_switch_goes_back_by_itself_and_so_do_the_others(fleet):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch() as watch:
        with fleet.begun("ship", "--json", at=("web2", "switch.ready")) as ship:
            fleet["web2"].unplug()
        eventually(lambda: fleet.free("web2"), what="web2 to go back")
        assert fleet.get_from("web2") == served
        assert fleet.serves()["web2"] == serving["web2"]
        assert ship.process.poll() is None, "the operator waits for a host that was heard less than 30 s ago"
        fleet["web2"].plug()
        told = ship.ended(code=30)
    assert [(host["host"], host["ok"]) for host in told["error"]["hosts"]] == [
        ("web1", True),
        ("web2", False),
        ("web3", True),
    ]
    watch.served(only=[served, text])
    assert fleet.answered() == served
    assert fleet.serves() == serving
    fleet.heals()
    assert fleet.answered() == text


def test_a_line_that_is_cut_before_the_confirmation_arrives_is_told_as_mixed(fleet):
    """The primary has written the run: it counts.  What did not hear of it is named, and the next run mends it."""
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch() as watch:
        with fleet.begun("ship", "--json", at=("web1", "ledger.create:2")) as ship:
            fleet["web2"].unplug()
        eventually(lambda: fleet.free("web2"), what="web2 to go back")
        fleet["web2"].plug()
        told = ship.ended(code=31)
    hosts = {host["host"]: host for host in told["error"]["hosts"]}
    assert (hosts["web2"]["release"], hosts["web2"]["ok"]) == (serving["web2"], False)
    assert hosts["web1"]["ok"]
    assert hosts["web3"]["ok"]
    assert "deploy run" in told["error"]["hint"]
    assert fleet.answers() == {"web1": text, "web2": served, "web3": text}
    watch.served(only=[served, text])
    fleet.heals()
    assert fleet.answered() == text
