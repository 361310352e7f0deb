"""One-off processes on several hosts: their numbers are the target's, and `--stop` finds the host."""

import pytest

from .fleet import Fleet


@pytest.fixture
def shipped(fleet: Fleet):
    """The app on three hosts."""
    fleet.deploy("ship")
    return fleet


def where(fleet, name):
    """The hosts on which a process runs."""
    return [row["host"] for row in fleet.json("ps")["processes"] if row["process"] == name]


def test_a_number_is_given_once_in_the_whole_target(shipped):
    asked = [[], ["--host", "web2"], ["--host", "web3"], ["--host", "web2"], []]
    names = [shipped.deploy("exec", "-d", *host, "--", "sleep", "1000") for host in asked]
    assert names == ["run.1", "run.2", "run.3", "run.4", "run.5"]
    assert [where(shipped, name) for name in names] == [["web1"], ["web2"], ["web3"], ["web2"], ["web1"]]
    for name, host in zip(names, ["web1", "web2", "web3", "web2", "web1"], strict=True):
        (told,) = shipped.json("exec", "--stop", name)["processes"]
        assert told["host"] == host
        assert where(shipped, name) == []
    shipped.deploy("exec", "--stop", "run.6", code=3)


def test_what_one_wrote_is_found_on_its_host(shipped):
    name = shipped.deploy("exec", "-d", "--host", "web2", "--", "sh", "-c", "echo hello from web2")
    process = shipped.start("logs", "-f", name)
    out, err = process.communicate(timeout=60)
    assert (out.strip(), process.returncode) == (f"web2 {name} | hello from web2", 0), err
    assert [(entry["host"], entry["process"]) for entry in shipped.json("logs", name)["logs"]] == [("web2", name)]


def test_a_host_that_is_down_cannot_be_asked_to_stop_one(shipped):
    name = shipped.deploy("exec", "-d", "--host", "web2", "--", "sleep", "1000")
    with shipped.down("web2"):
        shipped.deploy("exec", "--stop", name, code=40)
        other = shipped.deploy("exec", "-d", "--", "sleep", "1000")
        shipped.deploy("exec", "--stop", other)
    shipped.deploy("exec", "--stop", name)
