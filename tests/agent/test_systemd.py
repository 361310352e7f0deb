"""What is particular to systemd: whose units they are, what is in them, and a cut at every word to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer.agent import endings, events, procfs, started, systemd_wanted, unit_end, unit_files
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPED, UP
from deployer.agent.systemctl import Systemctl
from deployer.core.errors import ReleaseRefused
from deployer.core.formation import Process

from .managed import is_up, of_the_target, one, systemd
from .releases import a_release, a_target, a_type, wait_for

real = pytest.mark.on_systemd
WEB, WORKER = Process(1, "web", 1, 5000), Process(1, "worker", 1, 5100)
ODD = Layout(Path("/srv/50% \"off\" $HOME \\n [a] 'b'"), "shop", "local")


@pytest.fixture
def build():
    return systemd


@pytest.fixture
def types(files):
    return a_release(files, 1, a_type("web", "exec sleep 600"), a_type("worker", "exec sleep 600"))


def unit(kind, **more) -> dict[str, str]:
    """The settings of a type's template in the odd root; of those that stand twice, the last."""
    text = unit_files.template(
        ODD, kind, **{"python": "/usr/bin/python3", "of_the_system": True, "hardened": True, **more}
    )
    return dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line and line[0] not in "#[")


def test_an_odd_path_is_escaped_as_each_setting_wants_it():
    found = unit(a_type("web", "serve"))
    assert found["WorkingDirectory"] == "/srv/50%% \"off\" $HOME \\n [a] 'b'"
    assert found["EnvironmentFile"] == "-/srv/50%% \"off\" $HOME \\\\n \\[a\\] 'b'/run/systemd/web@%i"
    assert '"-/srv/50%% \\"off\\" $HOME \\\\n [a] \'b\'/shared"' in found["ReadWritePaths"]
    boot = unit_files.boot(ODD, python="/usr/bin/python3", of_the_system=True).decode()
    assert 'boot "/srv/50%% \\"off\\" $$HOME \\\\n [a] \'b\'" shop local\n' in boot


def test_limits_and_overrides_are_in_the_template():
    found = unit(a_type("web", "serve", memory=1 << 29, cpu=1.5, writable=("/var/spool/a b",), stop_timeout=0.0))
    assert (found["MemoryMax"], found["CPUQuota"], found["TimeoutStopSec"]) == ("536870912", "150%", "1")
    assert found["ReadWritePaths"].endswith(' "-/var/spool/a b"')
    free = unit(a_type("web", "serve", hardening=False))
    assert not {"MemoryMax", "NoNewPrivileges", "ProtectSystem", "ReadWritePaths"} & set(free)
    assert not {"NoNewPrivileges", "PrivateUsers"} & set(unit(a_type("web", "serve"), hardened=False))


def test_a_unit_s_name_names_its_process():
    process = Process(12, "web-1_x-2", 3, 0)
    assert unit_files.unit_name(ODD, process) == "shop-local-web-1_x-2@12-3.service"
    assert unit_files.parse_unit(ODD, "shop-local-web-1_x-2@12-3.service") == process
    assert unit_files.parse_unit(ODD, "shop-production-web@12-3.service") is None
    assert unit_files.parse_unit(ODD, "shop-local.service") is None


def test_what_was_to_run_before_a_boot_is_void(files):
    (files.root / "run/systemd").mkdir()
    systemd_wanted.add(files, WEB)
    assert systemd_wanted.read(files) == [WEB]
    path = files.root / "run/systemd/web@1-1"
    path.write_text(path.read_text().replace(procfs.boot(), "another"))
    assert systemd_wanted.read(files) == []
    systemd_wanted.forget_earlier_boots(files)
    assert not path.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("exit-code", "exited", "3", 0.42), "exited with code 3 after 0.4 s"),
        (("signal", "killed", "KILL", 2.0), "was killed by SIGKILL after 2.0 s"),
        (("core-dump", "dumped", "SEGV", None), "was killed by SIGSEGV and dumped core"),
        (("oom-kill", "killed", "KILL", 9.0), "was killed for want of memory after 9.0 s"),
        (("resources", "", "", 0.0), "could not be started by systemd (resources)"),
        (("success", "", "", 0.0), ""),
    ],
)
def test_an_end_is_told_in_a_sentence(words, sentence):
    assert endings.sentence(*words) == sentence


@pytest.mark.parametrize(
    ("process", "release", "told", "name"),
    [
        ("web@12-1003", "9", 12, "web.3"),
        ("report@scheduled", "9", 9, "report.1"),
        ("report@scheduled", "", None, "report.1"),
    ],
)
def test_whoever_was_killed_is_told_with_name_and_release(files, process, release, told, name):
    (files.root / "run/exits").mkdir(parents=True)
    variables = {"SERVICE_RESULT": "timeout", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL", "RELEASE": release}
    words = ["/bin/sh", "-c", unit_end.NOTING.decode(), "sh", process, "150"]
    subprocess.run(words, cwd=files.root, env={"PATH": os.environ["PATH"], **variables}, check=True)
    (entry,) = events.read(files, 10)
    text = f"{name}: did not stop within 1.5 s, and was killed"
    assert (entry["event"], entry["release"], entry["text"]) == ("killed", told, text)


@pytest.mark.parametrize(
    ("quick", "lived", "paused", "then"), [(0, 5, 0, 1), (1, 5, 2, 2), (5, 5, 60, 6), (5, 61, 0, 0)]
)
def test_a_short_life_is_held_back_longer_each_time(monkeypatch, quick, lived, paused, then):
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    before = started.Started(
        pid=1, ticks=1, boot="", at=1000.0 - lived, starts=1, port=0, stop_timeout=1, marks=[], quick=quick
    )
    assert endings.short_lives(before, lived) == then
    endings.hold_back(then)
    assert slept == [paused]


@pytest.mark.parametrize(
    ("quick", "lived", "crashed", "failing"),
    [(3, 5, False, True), (2, 5, False, False), (2, 5, True, True), (9, 61, False, False), (9, 61, True, False)],
)
def test_many_short_lives_are_a_failure_until_one_is_long(quick, lived, crashed, failing):
    record = started.Started(
        pid=1, ticks=1, boot="", at=time.time() - lived, starts=9, port=0, stop_timeout=1, marks=[], quick=quick
    )
    assert endings.failing(record, crashed=time.time() if crashed else 0.0) == failing


@real
def test_a_target_of_the_same_name_elsewhere_is_refused(manager, tmp_path):
    with pytest.raises(ReleaseRefused, match="belongs to shop/local in"):
        systemd(a_target(tmp_path / "other")).ensure()


@real
def test_what_is_left_of_a_target_that_is_gone_is_ended(manager, files, types, tmp_path):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    left = one(manager, WEB).pid
    files.root.rename(tmp_path / "moved")
    other = a_target(tmp_path / "other")
    following = systemd(other)
    following.ensure()
    following.start([WEB], a_release(other, 1, a_type("web", "exec sleep 600")))
    wait_for(lambda: is_up(following, WEB))
    assert procfs.started(left) is None
    following.shutdown()
    (tmp_path / "moved").rename(files.root)


@real
def test_what_was_stopped_by_hand_is_shown_and_started_again(manager, files, types):
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    Systemctl().tell("stop", "shop-local-web@1-1.service")
    assert one(manager, WEB).state == STOPPED
    manager.ensure()
    wait_for(lambda: is_up(manager, WEB))


@real
def test_what_is_stopping_and_wanted_again_comes_back(manager, files):
    types = a_release(files, 1, a_type("web", "trap 'sleep 0.5; exit' TERM; while :; do sleep 0.05; done"))
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB))
    before = one(manager, WEB).pid
    manager.stop([WEB], wait=False)
    manager.start([WEB], types)
    wait_for(lambda: is_up(manager, WEB) and one(manager, WEB).pid != before)


@real
def test_what_was_started_by_hand_is_not_run(manager, files, types):
    manager.start([WEB], types)
    Systemctl().tell("start", "shop-local-web@1-7.service")
    assert [instance.process for instance in manager.instances()] == [WEB]


@real
def test_the_last_words_of_the_shortest_life_are_kept(manager, files):
    types = a_release(files, 1, a_type("web", "i=0; while [ $i -lt 20 ]; do i=$((i+1)); /bin/echo $i; done; exit 3"))
    manager.start([WEB], types)
    wait_for(lambda: one(manager, WEB).reason)
    wait_for(lambda: manager.tail(WEB, 99).split()[:20] == [b"%d" % i for i in range(1, 21)])


@real
def test_settings_alone_change_the_template(manager, files, types):
    manager.start([WEB], types)
    template = Systemctl().units / "shop-local-web@.service"
    before = template.stat().st_mtime_ns
    manager.start([Process(2, "web", 1, 5001)], a_release(files, 2, a_type("web", "exec sleep 601")))
    assert template.stat().st_mtime_ns == before
    manager.start([Process(3, "web", 1, 5002)], a_release(files, 3, a_type("web", "exec sleep 601", stop_timeout=7.0)))
    assert "TimeoutStopSec=7\n" in template.read_text()


@real
def test_a_release_without_its_launcher_ends_as_failed(manager, files, types):
    (files.release(1) / "agent.pyz").unlink()
    manager.start([WEB], types)
    wait_for(lambda: one(manager, WEB).reason)
    assert one(manager, WEB).reason.startswith("exited with code 2 after 0.")


SCRIPT = """\
import json, sys
from pathlib import Path
from deployer.agent.layout import Layout
from deployer.agent.systemd import Systemd
from deployer.core import release
from deployer.core.formation import Process

files = Layout(Path(sys.argv[1]), "shop", "local")
manager = Systemd(files, sys.argv[2])
manager.ensure()
types = release.parse((files.release(1) / "release.json").read_bytes()).types
manager.start([Process(1, "web", 1, 5000)], types)
manager.stop([Process(1, "worker", 1, 5100)])
"""


@real
@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_a_cut_at_every_word_is_mended_by_the_next_command(files, types, tmp_path, known):
    manager = systemd(files)
    trace = tmp_path / "trace"

    def command(**variables: str) -> int:
        words = [sys.executable, "-c", SCRIPT, str(files.root), str(files.agent / "program.pyz")]
        return subprocess.run(words, check=False, env={**os.environ, **variables}, timeout=60).returncode

    def begin() -> None:
        if not known:
            manager.shutdown()
            manager.ensure()
        manager.stop([WEB])
        manager.start([WORKER], types)
        wait_for(lambda: is_up(manager, WORKER))
        if not known:
            (Systemctl().units / "shop-local-web@.service").unlink(missing_ok=True)

    manager.ensure()
    try:
        assert command() == 0
        begin()
        assert command(DEPLOYER_FAULT_TRACE=str(trace)) == 0
        points = [line.split()[-1] for line in trace.read_text().splitlines()]
        assert len(points) > 5
        for at, point in enumerate(points):
            begin()
            assert command(DEPLOYER_FAULT=f"{point}:{points[: at + 1].count(point)}") == -signal.SIGKILL, point
            assert command() == 0
            wait_for(lambda: is_up(manager, WEB))
            assert [(i.process, i.state) for i in manager.instances()] == [(WEB, UP)], point
            assert of_the_target(files) == [one(manager, WEB).pid], point
            assert not list(Systemctl().units.glob(".tmp-*")), point
    finally:
        manager.shutdown()


@real
def test_no_file_of_systemd_s_says_anything_of_a_release(manager, files, types):
    manager.start([WEB, WORKER], types)
    for path in Systemctl().units.glob("shop-local*"):
        text = path.read_text()
        assert "sleep" not in text
        assert json.loads(text.splitlines()[0].partition(" deployer ")[2]) == ["shop", "local", str(files.root)]
