"""`deploy exec -d` under systemd: a unit of its own, whose output is in the journal and whose end is noted."""

import os
import signal
import subprocess

import pytest

from tests.e2e.deployed import eventually

from .one_host import OneHost, instances

BOUNDED = "memory: 300M, cpu: 50%, files: 1234"


@pytest.fixture(scope="module")
def bounded(one) -> OneHost:
    """The app, whose type `web` has limits."""
    one.settings(web=BOUNDED)
    one.tiny.say("bounded")
    one.deploy("ship")
    one.serves("bounded")
    return one


def row(one: OneHost, name: str):
    """What `deploy ps` says of a process, None where it does not list it."""
    return next((found for found in instances(one) if found["process"] == name), None)


def end(one: OneHost, name: str) -> str:
    """What the host's events say of its end, once they do."""
    found = lambda: [
        entry["text"]
        for entry in one.json("events")["events"]
        if entry["event"] == "ended" and entry["text"].startswith(f"{name}: ")
    ]
    (text,) = eventually(found, seconds=30, what=f"the end of {name}")
    return text.removeprefix(f"{name}: ")


def test_it_outlives_its_operator_and_the_log_in_and_its_end_is_noted(bounded):
    go = f"/tmp/go-{bounded.user}"
    script = f"echo begun $DEPLOY_PROCESS; while ! [ -e {go} ]; do sleep 0.1; done; echo over >&2; exit 3"
    name = bounded.deploy("exec", "-d", "--", "sh", "-c", script)
    follower = bounded.start("logs", "-f", name)
    assert follower.stdout.readline().strip() == f"{name} | begun {name}"
    assert row(bounded, name)["state"] == "up"
    sleeper = bounded.start("exec", "-d", "--", "sleep", "1000")
    other = sleeper.stdout.readline().strip()
    os.killpg(sleeper.pid, signal.SIGKILL)
    sleeper.communicate()
    bounded.host.run("loginctl terminate-user deploy" if bounded.user == "root" else "true", check=False)
    assert row(bounded, other)["pid"]
    bounded.host.run(f"touch {go}")
    out, err = follower.communicate(timeout=60)
    assert (out.strip(), follower.returncode) == (f"{name} | over", 0), err
    assert end(bounded, name).startswith("exited with code 3 after ")
    bounded.deploy("restart")
    assert row(bounded, other)["pid"]
    assert "SIGTERM" in bounded.deploy("exec", "--stop", other)
    assert row(bounded, other) is None
    assert end(bounded, other).startswith("was killed by SIGTERM after ")
    assert bounded.json("status")["ok"]


def test_it_has_the_limits_and_the_hardening_of_its_type(bounded):
    script = "ulimit -n; touch ../new; touch ../../../shared/new && echo shared; exec sleep 1000"
    name = bounded.deploy("exec", "-d", "--as", "web", "--", "sh", "-c", script)
    said = eventually(lambda: (t := bounded.deploy("logs", name)).count("\n") > 1 and t, seconds=30, what="its lines")
    assert "1234" in said
    assert "shared" in said
    assert "Read-only file system" in said
    unit = f"tiny-production-run@{row(bounded, name)['release'][1:]}-{name.partition('.')[2]}.service"
    shown = bounded.systemctl("show", unit, "--property=MemoryMax,CPUQuotaPerSecUSec")
    assert f"MemoryMax={300 << 20}\n" in shown
    assert "CPUQuotaPerSecUSec=500ms\n" in shown
    told = bounded.systemctl("show", unit) + bounded.systemctl("cat", unit)
    assert "agent.pyz" in told
    assert "touch ../new" not in told
    bounded.deploy("exec", "--stop", name)


def test_one_that_is_watched_has_the_limits_of_its_type(bounded):
    watched = bounded.start("exec", "--as", "web", "--", "sh", "-c", "ulimit -n; cat", stdin=subprocess.PIPE)
    assert watched.stdout.readline() == "1234\n"
    shown = bounded.systemctl("show", "'tiny-production.*.scope'", "--property=MemoryMax,CPUQuotaPerSecUSec")
    assert f"MemoryMax={300 << 20}\n" in shown
    assert "CPUQuotaPerSecUSec=500ms\n" in shown
    assert watched.communicate("goes through\n", timeout=60)[0] == "goes through\n"
    assert "1234" not in bounded.deploy("exec", "--", "sh", "-c", "ulimit -n")


def test_before_the_first_run_it_has_a_keeper(lab, host, tmp_path, bounded):
    other = OneHost(lab, host, tmp_path, bounded.user)
    other.tiny.settings((other.folder / "deploy.yaml").read_text().replace("app: tiny", "app: other"))
    other.tiny.say("unborn")
    other.deploy("release")
    assert other.deploy("exec", "-d", "--release", "v1", "--", "sh", "-c", "echo here; exec sleep 1000") == "run.1"
    eventually(lambda: other.deploy("logs", "run.1") == "run.1 | here", seconds=30, what="its line")
    assert "SIGTERM" in other.deploy("exec", "--stop", "run.1")


def test_a_reboot_ends_it_and_that_is_told(bounded):
    name = bounded.deploy("exec", "-d", "--", "sleep", "1000")
    bounded.host.reboot()
    bounded.serves("bounded")
    assert row(bounded, name) is None
    assert "after" in bounded.deploy("exec", "--stop", name)
