"""What a process under systemd may and may not do, and how much it may use."""

import re

import pytest

from tests.e2e.deployed import eventually

from .one_host import OneHost, instances


@pytest.fixture(scope="module")
def web(one) -> OneHost:
    """The app with limits and a place of its own to write to."""
    one.host.run("install -d -m 777 /var/spool/tiny")
    one.settings(web="memory: 300M, cpu: 50%, files: 1234, writable: [/var/spool/tiny]")
    one.tiny.say("limited")
    one.deploy("ship")
    one.serves("limited")
    return one


def pid(one: OneHost, process: str = "web.1") -> int:
    """The pid of a process, on its host."""
    return next(row["pid"] for row in instances(one) if row["process"] == process)


def as_it(one: OneHost, process: int, command: str, *, shielded: bool = True) -> str:
    """What a command says where a process is, as the user who deploys."""
    own = " --user --preserve-credentials" if shielded and one.user == "deploy" else ""
    where = f"nsenter --target={process} --mount{own}" if shielded else ""
    return one.host.run(f"{where} sh -c {command!r} 2>&1", user=one.user, check=False).stdout


def test_a_process_cannot_write_its_release_nor_the_host(web):
    process = pid(web)
    root = f"/{web.place_seen.relative_to(web.host.root)}"
    for path in (f"{root}/releases/new", f"{root}/ledger/new", f"{root}/run/new", "/usr/new", "/var/new", "/etc/new"):
        assert "Read-only file system" in as_it(web, process, f"touch {path}"), path
    for path in (f"{root}/shared/new", f"/var/spool/tiny/{web.user}", "/tmp/own"):
        assert as_it(web, process, f"touch {path} && echo done") == "done\n", path
    assert not (web.host.root / "tmp/own").exists()


def test_a_process_gains_no_rights(web):
    status = web.host.run(f"cat /proc/{pid(web)}/status").stdout
    assert "NoNewPrivs:\t1" in status


def test_a_process_has_its_limits(web):
    limits = web.host.run(f"cat /proc/{pid(web)}/limits").stdout
    assert re.search(r"Max open files +1234 +1234 ", limits)
    unit = web.systemctl("show", "tiny-production-web@*", "--property=MemoryMax,CPUQuotaPerSecUSec")
    assert f"MemoryMax={300 << 20}\n" in unit
    assert "CPUQuotaPerSecUSec=500ms\n" in unit


def test_without_hardening_a_process_may_write_where_its_user_may(web):
    web.settings(web="hardening: false")
    web.tiny.say("free")
    web.deploy("ship")
    web.serves("free")
    process = pid(web)
    root = f"/{web.place_seen.relative_to(web.host.root)}"
    same = "readlink /proc/self/ns/mnt"
    if web.user == "deploy":  # the systemd of a user has a view of its own only where it shields
        assert web.host.run(same, user="deploy").stdout == web.host.run(f"readlink /proc/{process}/ns/mnt").stdout
    assert as_it(web, process, f"touch {root}/run/new && echo done", shielded=False) == "done\n"
    assert "NoNewPrivs:\t0" in web.host.run(f"cat /proc/{process}/status").stdout
    assert "Read-only" in as_it(web, pid(web, "worker.1"), f"touch {root}/run/other")


def test_no_secret_is_told_to_systemd(web):
    secret = "hunter2-hunter2"
    web.deploy("config", "set", f"PASSWORD={secret}", "--run")
    eventually(lambda: web.get_from("/env/PASSWORD") == secret, seconds=30, what="the new config")
    shown = web.systemctl("show", "'tiny-production*'") + web.systemctl("cat", "'tiny-production*'")
    assert "tiny-production-web@" in shown
    journal = web.host.run("journalctl -q --no-pager --all -o json", timeout=60).stdout
    assert "tiny-production" in journal
    assert secret not in shown + journal
    units = [path for folder in ("etc/systemd", "home/deploy/.config") for path in (web.host.root / folder).rglob("*")]
    assert not [path for path in units if path.is_file() and secret.encode() in path.read_bytes()]


def test_a_crash_loop_is_held_back_and_shown(web):
    web.settings()
    web.tiny.say("once more")
    web.deploy("ship")
    web.serves("once more")
    before = pid(web)
    web.host.run(f"kill -9 {before}")
    web.serves("once more")
    row = next(row for row in instances(web) if row["process"] == "web.1")
    assert (row["state"], row["restarts"]) == ("up", 1)
    for _ in range(3):
        again = eventually(lambda dead=before: pid(web) not in (0, dead) and pid(web), seconds=60, what="another life")
        web.host.run(f"kill -9 {again}")
        before = again
    eventually(lambda: "failing" in {row["state"] for row in instances(web)}, seconds=30, what="web.1 to be held back")
    state = eventually(lambda: "crashing" in (s := newest(web)["state"]) and s, seconds=30, what="the release's mark")
    assert state == "live, keeps crashing"
    assert web.get_from(number=2) == "once more"


def newest(web):
    return web.json("releases", "-n", "1")["releases"][0]
