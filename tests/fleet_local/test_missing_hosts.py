"""A release exists although a host did not get it, and who only looks is told what there is."""


def test_a_release_exists_on_the_others_and_the_exit_code_says_so(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        made = fleet.json("release", code=40)
        assert made["release"] == "v2"
        assert [host["host"] for host in made["error"]["hosts"]] == ["web2"]
        allowed = fleet.run("release", "--allow-missing")
        assert (allowed.code, allowed.out) == (0, "v3\n")
        assert "warning" in allowed.err
        assert "web2" in allowed.err
        changed = fleet.json("config", "set", "COLOUR=red", code=40)
        assert changed["release"] == "v4"
        refused = fleet.run("config", "set", "COLOUR=blue", "--run")
        assert (refused.code, refused.out) == (40, "")  # a run needs all of them: nothing was made
    assert fleet.kept("web1") == ["v1", "v2", "v3", "v4"]
    assert fleet.kept("web2") == ["v1"]
    assert fleet.deploy("run") == "v4"
    assert fleet.differences() == []


def test_who_only_looks_sees_the_others_and_hears_of_the_missing(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        states = {(one["host"], one["process"]): one["state"] for one in fleet.json("ps", code=40)["processes"]}
        assert states == {
            ("web1", "web.1"): "up",
            ("web1", "worker.1"): "up",
            ("web2", "worker.1"): "unknown",
            ("web3", "worker.1"): "up",
        }
        status = fleet.json("status", code=40)
        assert [bool(host["error"]) for host in sorted(status["hosts"], key=lambda one: one["host"])] == [
            False,
            True,
            False,
        ]
        fleet.json("verify", code=40)
        fleet.json("events", code=40)
        verified = fleet.json("ledger", "verify", code=40)
        assert [host["state"] for host in verified["hosts"]] == ["same", "same", "unreachable"]
        fleet.json("releases")  # the ledger that counts was read: nothing is missing from these
        fleet.json("show")
        fleet.json("ledger", "show")


def test_a_command_for_other_hosts_does_not_need_the_one_that_is_down(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        fleet.deploy("restart", "--hosts", "web3")
        fleet.deploy("status", "--hosts", "web3")
    with fleet.down("web1"):
        fleet.deploy("ledger", "promote", "web2", "--yes")
        fleet.deploy("restart", "--hosts", "web3")  # the promoted host is asked, though it was not named
        fleet.deploy("restart", "--hosts", "web2")
    fleet.deploy("run")
    assert fleet.differences() == []
