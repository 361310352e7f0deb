"""What Debian 11 has (systemd 247, Python 3.9) is enough, and what Debian 13 has (257, 3.13) is understood."""

import pytest

from tests.e2e.deployed import eventually

from .one_host import OneHost
from .test_boot import one_release_runs


@pytest.mark.parametrize("user", ["root", "deploy"])
@pytest.mark.parametrize("suite", ["bullseye", "trixie"])
def test_an_app_is_deployed_logged_hardened_and_booted(lab, tmp_path, suite, user):
    host = lab.fresh_hosts(1, suite=suite)[0]
    one = OneHost(lab, host, tmp_path, user)
    one.tiny.settings((one.folder / "deploy.yaml").read_text().replace("web1", host.name))
    one.tiny.say("first")
    found = {found["name"]: found for found in one.json("doctor")["findings"] if found["where"] == host.name}
    assert found["process manager"]["found"] == "systemd, from the first run on"
    one.deploy("ship")
    one_release_runs(one, "first")
    assert "listens on 7000" in one.deploy("logs", "web.1")
    pid = one.json("ps")["processes"][0]["pid"]
    assert "NoNewPrivs:\t1" in host.run(f"cat /proc/{pid}/status").stdout
    mounts = host.run(f"readlink /proc/1/ns/mnt /proc/{pid}/ns/mnt").stdout.splitlines()
    assert mounts[0] != mounts[1]
    name = one.deploy("exec", "-d", "--as", "web", "--", "sh", "-c", "echo begun; exec sleep 1000")
    eventually(lambda: one.deploy("logs", name) == f"{name} | begun", seconds=30, what="its line")
    assert "was killed by SIGTERM after" in one.deploy("exec", "--stop", name)
    host.power_cut()
    host.boot()
    one_release_runs(one, "first")
