"""The shares of hosts in the route of the one router in front of them all."""

import pytest

from deployer.core import shares
from deployer.core.manifest import ProcessType
from deployer.core.routing import Upstream

WEB, SOCKET = ProcessType("web", "x"), ProcessType("web", "x", listen="socket")


def share(host, ports, first=5000):
    return shares.share(host, first, ports)


@pytest.mark.parametrize(
    ("kind", "count", "ports"), [(WEB, 3, 3), (WEB, 0, 0), (SOCKET, 3, 1), (SOCKET, 0, 0), (None, 2, 0)]
)
def test_processes_that_are_given_a_socket_share_one_port(kind, count, ports):
    assert shares.places(kind, count) == ports


def test_a_share_is_a_port_for_each_process_from_the_first_on():
    assert share("web1", 2) == (Upstream("web1", 5000), Upstream("web1", 5001))
    assert share("web1", 0) == ()


def test_what_is_to_be_stopped_is_left_out_first_and_nothing_is_added():
    before = {"web1": share("web1", 2), "web2": share("web2", 2), "web3": share("web3", 2)}
    assert shares.narrowed(before, {"web1": 1, "web2": 0, "web4": 2}) == {
        "web1": share("web1", 1),
        "web3": share("web3", 2),  # which this run is not for
    }
    assert shares.narrowed(before, {"web1": 3})["web1"] == share("web1", 2)


def test_what_is_up_is_added_and_a_host_that_left_the_target_is_forgotten():
    before = {"web1": share("web1", 1), "web2": share("web2", 1), "gone": share("gone", 1)}
    now = {"web1": share("web1", 2), "new": share("new", 1), "web4": share("web4", 0)}
    assert shares.widened(before, now, ["web1", "web2", "new", "web4"]) == {
        "web1": share("web1", 2),
        "web2": share("web2", 1),
        "new": share("new", 1),
    }


def test_narrowed_and_then_widened_again_to_the_same_changes_nothing():
    before = {"web1": share("web1", 2), "web2": share("web2", 1)}
    narrowed = shares.narrowed(before, {"web1": 2, "web2": 1})
    assert shares.widened(narrowed, {"web1": share("web1", 2), "web2": share("web2", 1)}, ["web1", "web2"]) == before


def test_all_shares_together_have_each_place_once():
    found = shares.upstreams({"a": share("10.0.0.1", 2), "b": share("10.0.0.1", 1), "c": share("fd00::1", 1)})
    assert [upstream.name for upstream in found] == ["10.0.0.1:5000", "10.0.0.1:5001", "[fd00::1]:5000"]
