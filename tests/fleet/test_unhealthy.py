"""A release that does not come up on every host, and one that takes the old release with it."""

import contextlib


def test_an_app_that_is_healthy_on_two_hosts_and_not_on_the_third_runs_on_none(fleet):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.fragile()
    with fleet.watch() as watch, fleet.sick("web3"):
        told = fleet.json("ship", code=30)
    hosts = {host["host"]: host for host in told["error"]["hosts"]}
    assert {name: (host["release"], host["ok"]) for name, host in hosts.items()} == {
        "web1": (serving["web1"], True),
        "web2": (serving["web2"], True),
        "web3": (serving["web3"], False),
    }
    assert "500" in hosts["web3"]["error"]
    assert told["error"]["details"]["outcome"] == "restored"
    watch.served(only=[served, text])
    assert watch.texts["web3"] == [served], "it was found out in the rehearsal"
    assert fleet.answered() == served
    assert fleet.serves() == serving
    assert fleet.json("releases")["releases"][0]["outcome"] == "restored"
    fleet.heals()
    assert fleet.answered() == text


def test_all_outcomes_are_shown_where_two_hosts_of_three_fail(fleet):
    serving = fleet.serves()
    fleet.fragile()
    with fleet.sick("web1", "web2"):
        ended = fleet.run("ship")
    assert ended.code == 30, ended.err
    assert all(name in ended.err for name in ("web1", "web2", "web3"))
    assert fleet.serves() == serving
    fleet.heals()


def test_a_canary_that_fails_leaves_the_other_hosts_untouched(fleet):
    fleet.settings("    rollout: {batch: 1}\n")
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.fragile()
    with fleet.watch() as watch, contextlib.ExitStack() as later:
        pids = {name: fleet.pids(name) for name in fleet.hosts}
        with fleet.begun("ship", "--json", at=("web1", "rehearsal.ended")) as ship:
            later.enter_context(fleet.sick("web1"))  # it was well when it was tried
        told = ship.ended(code=30)
    assert {host["host"] for host in told["error"]["hosts"]} == set(fleet.hosts)
    assert {name: fleet.pids(name) for name in ("web2", "web3")} == {name: pids[name] for name in ("web2", "web3")}
    assert watch.texts["web2"] == watch.texts["web3"] == [served]
    watch.served(only=[served, text])
    assert fleet.serves() == serving
    fleet.heals()
    assert fleet.answered() == text


def test_a_failure_in_a_later_batch_puts_back_the_batches_before_it(fleet):
    fleet.settings("    rollout: {batch: 1}\n")
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.fragile()
    with fleet.watch() as watch, fleet.sick("web3"):
        told = fleet.json("ship", code=30)
    assert {host["host"]: host["ok"] for host in told["error"]["hosts"]} == {"web1": True, "web2": True, "web3": False}
    watch.served(only=[served, text])
    assert text in watch.texts["web1"]
    assert text in watch.texts["web2"]
    assert fleet.answered() == served
    assert fleet.serves() == serving
    fleet.heals()


def test_a_host_on_which_the_old_release_does_not_come_up_again_either_makes_it_31(fleet):
    served = fleet.fragile()
    fleet.deploy("ship")
    serving = fleet.serves()
    text = fleet.fragile()
    with fleet.watch("web1", "web2") as watch, contextlib.ExitStack() as later:
        with fleet.begun("ship", "--json", at=("web3", "rehearsal.ended")) as ship:
            later.enter_context(fleet.sick("web3", before=1))
        told = ship.ended(code=31)
    hosts = {host["host"]: host for host in told["error"]["hosts"]}
    assert (hosts["web3"]["release"], hosts["web3"]["ok"]) == (None, False)
    assert hosts["web1"]["release"] == hosts["web2"]["release"] == serving["web1"]
    assert told["error"]["details"]["outcome"] == "mixed"
    watch.served(only=[served, text])
    assert fleet.serves() == serving
    fleet.heals()
    assert fleet.answered() == text
