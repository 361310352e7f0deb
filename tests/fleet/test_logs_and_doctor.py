"""What is seen of three real hosts under systemd: their logs as one stream in the order of time, and how they are."""

import re
import time

import pytest

from tests.e2e.deployed import eventually
from tests.fleet_local.test_logs import Following

from .fleet import Fleet


@pytest.fixture(scope="module")
def units(lab, tmp_path_factory):
    """web1, web2 and web3, which serve the tiny app under the systemd of the user who deploys."""
    fleet = Fleet(lab, tmp_path_factory.mktemp("units"), manager="systemd")
    fleet.begin()
    return fleet


def of(findings, where):
    return {one["name"]: one for one in findings if one["where"] == where}


def test_the_lines_of_all_hosts_are_in_the_order_of_time(units):
    eventually(lambda: units.deploy("logs", "-n", "3", "worker").count("\n") == 8, what="three lines of each worker")
    units.deploy("stop")
    try:
        told = units.json("logs", "-n", "10", "worker")["logs"]
        plain = units.deploy("logs", "-n", "10", "worker").splitlines()
    finally:
        units.deploy("start")
    stamped = [
        (at, f"{entry['host']} {entry['process']} | {line}")
        for entry in told
        for at, line in zip(entry["times"], entry["lines"], strict=True)
    ]
    assert [line for _, line in sorted(stamped)] == plain
    hosts = [line.split()[0] for line in plain]
    assert hosts != sorted(hosts), "host by host would not be the order of time"
    newest = max(at for at, _ in stamped)
    assert newest.endswith("Z")
    assert newest < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))


def test_following_misses_no_line_of_the_next_release_and_tells_none_of_an_earlier_life(units):
    before, _ = units.serves()["web1"], units.say()
    with Following(units, "-n", "0") as following:
        following.shows("web3 worker.1 | ")
        after = units.deploy("ship")
        for host in units.hosts:
            for number in (1, 2):
                following.shows(f"{host} web.{number} | web {after}: listens on ")
            following.shows(f"{host} worker.1 | worker {after}: ")
        units.deploy("rollback")
        for host in units.hosts:
            following.shows(f"{host} web.1 | web {before}: listens on ")
            assert following.out.count(f"{host} web.1 | web {before}: listens on ") == 1
        assert following.end() == 130


def test_the_doctor_tells_what_is_not_well_on_a_host(units):
    web2, web3 = units["web2"], units["web3"]
    web2.run("sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.core.somaxconn=16")
    web3.run("mv /var/lib/systemd/linger/deploy /root/linger")
    try:
        findings = units.json("doctor", code=20)["findings"]
        shown = units.run("doctor")
    finally:
        web2.run("sysctl -qw net.ipv4.ip_local_port_range='32768 60999' net.core.somaxconn=4096")
        web3.run("mv /root/linger /var/lib/systemd/linger/deploy")
    first, second, third = (of(findings, host) for host in ("web1", "web2", "web3"))
    assert first["process manager"]["found"] == "systemd, 3 processes"
    assert re.match(r"systemd \d+", first["init"]["found"])
    assert (first["lingering"]["found"], first["ports"]["ok"]) == ("on for deploy", True)
    assert not first["disk"]["ok"], "128 MB are little"
    assert second["local ports"]["warn"]
    assert "7000 of web.1" in second["local ports"]["found"]
    assert second["somaxconn"]["warn"]
    assert not third["lingering"]["ok"]
    assert "`sudo loginctl enable-linger deploy` on the host" in shown.err
    assert "lingering (web3)" in shown.err


def test_the_doctor_comes_to_a_host_that_cannot_have_the_manager_that_is_wished_for(units):
    fresh = units["web1"]
    fresh.run("mv /var/lib/systemd/linger/deploy /root/linger")
    settings = (units.folder / "deploy.yaml").read_text()
    units.tiny.settings(settings.replace("production:", "production:\n    path: ~/another"))
    try:
        found = of(units.json("doctor", code=20)["findings"], "web1")["process manager"]
    finally:
        units.tiny.settings(settings)
        fresh.run("mv /root/linger /var/lib/systemd/linger/deploy")
    assert not found["ok"]
    assert found["found"].startswith("systemd is wished for, but ")
    assert "enable-linger deploy" in found["hint"]
