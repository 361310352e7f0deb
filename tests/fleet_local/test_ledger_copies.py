"""Every host has a copy of the ledger, and whoever missed something is brought up to date by the next run."""


def test_after_a_ship_all_hosts_are_equal(fleet):
    assert fleet.deploy("ship") == "v1"
    assert fleet.same_ledgers()
    assert fleet.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}
    assert fleet.runs("web1") == {"web.1": "v1", "worker.1": "v1"}
    assert fleet.runs("web2") == {"worker.1": "v1"}
    assert fleet.differences() == []
