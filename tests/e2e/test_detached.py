"""`deploy exec -d`: a one-off process that goes on by itself; `--as`: the limits of a process type."""

import os
import signal
import subprocess

import pytest

from .deployed import eventually


def shown(deployed, name):
    """The row of `deploy ps` for this process, None where there is none."""
    return next((row for row in deployed.json("ps")["processes"] if row["process"] == name), None)


def ends(deployed, name):
    """What the host's events say about the end of this process."""
    told = deployed.json("events")["events"]
    return [entry["text"] for entry in told if entry["event"] == "ended" and entry["text"].startswith(f"{name}: ")]


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


@pytest.fixture
def shipped(deployed):
    """The tiny app, shipped; what goes on by itself is ended afterwards."""
    deployed.deploy("config", "set", "COLOUR=red")
    deployed.deploy("ship")
    yield deployed
    for row in deployed.json("ps")["processes"]:
        if row["process"].startswith("run."):
            deployed.run("exec", "--stop", row["process"])


def test_it_goes_on_and_its_output_and_its_end_are_kept(shipped, tmp_path):
    go = tmp_path / "go"
    script = f"echo begun $COLOUR $DEPLOY_PROCESS; while ! [ -e {go} ]; do sleep 0.05; done; echo over >&2; exit 3"
    told = shipped.run("--json", "exec", "-d", "--", "sh", "-c", script).document
    assert told == {"process": "run.1", "host": "local", "release": shipped.current()}
    row = shown(shipped, "run.1")
    assert (row["state"], row["release"]) == ("up", shipped.current())
    assert os.getsid(row["pid"]) == row["pid"]
    eventually(lambda: "begun red run.1" in shipped.deploy("logs", "run.1"), what="its first line")
    follower = shipped.start("logs", "-f", "run.1")
    assert follower.stdout.readline().strip() == "run.1 | begun red run.1"
    go.touch()
    out, _ = follower.communicate(timeout=30)
    assert out.strip() == "run.1 | over"
    assert follower.returncode == 0
    assert shown(shipped, "run.1") is None
    (end,) = ends(shipped, "run.1")
    assert end.startswith("run.1: exited with code 3 after ")
    assert shipped.deploy("logs", "run.1").splitlines() == ["run.1 | begun red run.1", "run.1 | over"]
    assert shipped.differences() == []


def test_an_end_by_any_signal_is_noted(shipped):
    shipped.deploy("exec", "-d", "--", "sh", "-c", "kill -35 $$")
    (end,) = eventually(lambda: ends(shipped, "run.1"), what="its end")
    assert end.startswith("run.1: was killed by SIGRTMIN+1 after ")


def test_a_number_is_never_given_again(shipped):
    assert [shipped.deploy("exec", "-d", "--", "true") for _ in range(3)] == ["run.1", "run.2", "run.3"]
    together = [shipped.start("exec", "-d", "--", "true") for _ in range(4)]
    names = {process.communicate(timeout=60)[0].strip() for process in together}
    assert names == {"run.4", "run.5", "run.6", "run.7"}


def test_the_newest_hundred_are_known(shipped):
    shipped.deploy("exec", "-d", "--", "sleep", "1000")
    shipped.deploy("exec", "-d", "--", "echo", "old")
    folder = shipped.root / "run" / "oneoffs"
    eventually((folder / "2" / "ended.json").exists, what="its end")
    for number in range(3, 103):
        (folder / str(number)).mkdir()  # as one does whose operator was killed
    assert shipped.deploy("exec", "-d", "--", "true") == "run.103"
    assert not (folder / "2").exists()
    assert not list((shipped.root / "log").glob("*run.2.log"))
    shipped.deploy("logs", "run.2", code=3)
    assert shown(shipped, "run.1")["state"] == "up"


def test_the_end_of_its_operator_leaves_it_alone(shipped, tmp_path):
    process = shipped.start("exec", "-d", "--", "sh", "-c", f"touch {tmp_path}/begun; exec sleep 1000")
    eventually((tmp_path / "begun").exists, what="its command to begin")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    pid = shown(shipped, "run.1")["pid"]
    assert os.readlink(f"/proc/{pid}/cwd") == str((shipped.root / "releases" / shipped.current() / "app").resolve())


def test_stop_ends_all_of_it_as_the_type_says(shipped, tmp_path):
    stubborn = f"trap '' TERM; touch {tmp_path}/begun; while :; do sleep 0.1; done"
    shipped.deploy("exec", "-d", "--as", "worker", "--", "sh", "-c", f"(sleep 1000 & echo $!; wait) & {stubborn}")
    eventually((tmp_path / "begun").exists, what="its command to begin")
    pid = shown(shipped, "run.1")["pid"]
    child = int(eventually(lambda: shipped.deploy("logs", "run.1"), what="its child's id").split()[-1])
    (told,) = shipped.json("exec", "--stop", "run.1")["processes"]
    assert told["ended"].startswith("was killed by SIGKILL after ")
    assert gone(pid)
    assert gone(child)
    assert len(ends(shipped, "run.1")) == 1
    assert shipped.json("exec", "--stop", "run.1")["processes"] == [told]
    shipped.deploy("exec", "--stop", "run.2", code=3)
    shipped.deploy("exec", "--stop", "web.1", code=2)


def test_runs_and_prunes_leave_it_its_release(shipped, tiny):
    shipped.deploy("exec", "-d", "--", "sleep", "1000")
    before = shipped.current()
    for text in ("second", "third", "fourth"):
        tiny.say(text)
        shipped.deploy("ship")
    shipped.deploy("prune", "--keep", "1")
    assert shown(shipped, "run.1")["release"] == before
    assert (shipped.root / "releases" / before / "app").is_dir()
    shipped.deploy("restart")
    shipped.deploy("stop")
    assert list(shipped.processes()) == ["run.1"]
    shipped.deploy("exec", "--stop", "run.1")
    shipped.deploy("prune", "--keep", "1")
    assert not (shipped.root / "releases" / before).exists()
    shipped.deploy("start")
    assert shipped.deploy("exec", "-d", "--", "true") == "run.2"


def test_a_kill_before_it_began_leaves_nothing_running(shipped):
    cut = shipped.run("exec", "-d", "--", "sleep", "1000", env={"DEPLOYER_FAULT": "oneoff.begin:1:kill"})
    assert cut.code == 40
    assert shown(shipped, "run.1") is None
    assert shipped.deploy("exec", "-d", "--", "true") == "run.2"
    assert "cut off" in shipped.deploy("exec", "--stop", "run.1")


def test_no_value_and_no_command_is_in_an_argument_list_of_ours(shipped):
    shipped.deploy("config", "set", "COLOUR=hunter2-hunter2", "--run")
    shipped.deploy("exec", "-d", "--", "sh", "-c", "sleep 1000; : marker-marker")
    pid = shown(shipped, "run.1")["pid"]
    keeper = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=True).stdout)
    with open(f"/proc/{keeper}/cmdline", encoding="utf-8") as own, open(f"/proc/{keeper}/environ") as environ:
        told = own.read() + environ.read()
    assert "keep" in told
    assert "marker" not in told
    assert "hunter2" not in told
    for path in (shipped.root / "run/oneoffs").rglob("*.json"):
        assert "hunter2" not in path.read_text()
        assert path.parent.stat().st_mode & 0o077 == 0


def test_the_death_of_its_keeper_is_told(shipped):
    shipped.deploy("exec", "-d", "--", "sleep", "1000")
    pid = shown(shipped, "run.1")["pid"]
    keeper = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=True).stdout)
    os.kill(keeper, signal.SIGKILL)
    assert shown(shipped, "run.1")["pid"] == pid
    assert "cut off" in shipped.deploy("exec", "--stop", "run.1")
    assert gone(pid)


def test_it_has_the_limit_of_open_files_and_the_stop_signal_of_the_type_that_as_names(deployed, tiny):
    text = (tiny.folder / "deploy.yaml").read_text()
    tiny.settings(text.replace("worker: {", "worker: {files: 77, stop_signal: USR1, "))
    deployed.deploy("ship")
    limit = ["--", "sh", "-c", "ulimit -n"]
    assert deployed.deploy("exec", "--as", "worker", *limit) == "77"
    assert deployed.deploy("exec", *limit) != "77"
    deployed.deploy("exec", "-d", "--as", "worker", *limit)
    eventually(lambda: deployed.deploy("logs", "run.1") == "run.1 | 77", what="its limit")
    told = "trap '' TERM; trap 'exit 7' USR1; echo begun; while :; do sleep 0.1; done"
    deployed.deploy("exec", "-d", "--as", "worker", "--", "sh", "-c", told)
    eventually(lambda: "begun" in deployed.deploy("logs", "run.2"), what="its word")
    (ended,) = deployed.json("exec", "--stop", "run.2")["processes"]
    assert ended["ended"].startswith("exited with code 7 ")
    assert "worker" in deployed.run("exec", "--as", "clock", *limit).err
    assert deployed.run("exec", "--as", "clock", *limit).code == 3


def test_what_cannot_begin_is_told_at_once(shipped):
    refused = shipped.run("exec", "-d", "--", "no-such-command")
    assert refused.code == 3
    assert "no-such-command" in refused.err
    assert shipped.run("exec", "-d").code == 2
    assert shipped.run("exec", "-d", "--all", "--", "true").code == 2
    shipped.deploy("exec", "-d", "--", "./text.txt")
    eventually(lambda: ends(shipped, "run.2"), what="its end")
    assert "cannot start run.2: Permission denied" in shipped.deploy("logs", "run.2")
