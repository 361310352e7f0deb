"""How processes of a new release take the place of the old ones: side by side, one by one, with time to finish."""

import os

import pytest

from .deployed import eventually

WORKER = """\
import os, signal, sys, time
def finish(*_):
    print("finishes its job", flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    print("is done", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
print("works", os.environ["DEPLOY_RELEASE"], flush=True)
while True:
    time.sleep(0.1)
"""

SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 60s, stop_timeout: 2s, healthy_time: 300ms, port: {port}}}
  worker: {{command: {command}, update: {update}, stop_timeout: {stop}, healthy_time: 300ms}}
"""


@pytest.fixture
def done(tmp_path):
    """The file whose existence ends all jobs."""
    return tmp_path / "done"


@pytest.fixture
def slow(deployed, tiny, done):
    """The tiny app, whose worker stops when its job is `done`; to be told how it updates."""

    def settled(update, *, stop="60s"):
        web = (deployed.folder / "Procfile").read_text().splitlines()[0]
        (deployed.folder / "Procfile").write_text(web + "\n")
        (deployed.folder / "worker.py").write_text(WORKER)
        python = web.split(": ", 1)[1].split(" server.py")[0]
        tiny.settings(
            SETTINGS.format(port=deployed.port, command=f"true && {python} worker.py {done}", update=update, stop=stop)
        )
        return deployed

    yield settled
    done.touch()


def rows(deployed, process):
    return [(row["release"], row["state"]) for row in deployed.json("ps")["processes"] if row["process"] == process]


def test_old_workers_may_finish_while_the_new_ones_work(slow, tiny, done):
    deployed = slow("drain")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("ship")
    assert rows(deployed, "worker.1") == [("v1", "draining"), ("v2", "up")]
    assert "killed" not in deployed.deploy("ps"), "a shell in front of it has ended, and is not what works"
    assert deployed.differences() == [], "what is draining is as it should be"
    deployed.deploy("prune", "--keep", "1")
    assert (deployed.root / "releases" / "v1").is_dir(), "its release stays as long as it lives"
    done.touch()
    eventually(lambda: rows(deployed, "worker.1") == [("v2", "up")])
    assert "is done" in deployed.deploy("logs", "--release", "v1", "worker.1")
    deployed.deploy("run")
    assert deployed.differences() == []


def test_a_release_may_come_back_while_its_old_workers_are_draining(slow, tiny, done):
    deployed = slow("drain")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("ship")
    deployed.deploy("rollback")
    assert sorted(rows(deployed, "worker.1")) == [("v1", "draining"), ("v1", "up"), ("v2", "draining")]
    assert deployed.differences() == []
    deployed.deploy("restart", "worker")
    assert sorted(rows(deployed, "worker.1")) == [
        ("v1", "draining"),
        ("v1", "draining"),
        ("v1", "up"),
        ("v2", "draining"),
    ]
    done.touch()
    eventually(lambda: rows(deployed, "worker.1") == [("v1", "up")])


def test_going_back_does_not_wait_for_a_job_that_a_new_worker_has_begun(slow, tiny, done):
    deployed = slow("drain", stop="10m")
    deployed.deploy("ship")
    with (deployed.folder / "Procfile").open("a") as procfile:
        procfile.write("broken: exit 1\n")
    tiny.say("second")
    assert deployed.run("ship").code == 30
    assert rows(deployed, "worker.1") == [("v1", "up"), ("v2", "draining")]
    assert deployed.differences() == []
    done.touch()
    eventually(lambda: rows(deployed, "worker.1") == [("v1", "up")])


def test_a_run_does_not_wait_for_a_type_that_is_there_no_more(slow, tiny, done):
    deployed = slow("drain", stop="10m")
    deployed.deploy("ship")
    settings = (deployed.folder / "deploy.yaml").read_text()
    (deployed.folder / "deploy.yaml").write_text(settings.replace("  worker: {", "  other: {"))
    tiny.say("second")
    deployed.deploy("ship")
    assert rows(deployed, "worker.1") == [("v1", "draining")]
    assert rows(deployed, "other.1") == [("v2", "up")]
    assert deployed.differences() == []


def test_an_overlap_has_the_new_ones_up_before_the_old_are_told(slow, tiny):
    deployed = slow("overlap")
    deployed.deploy("ship")
    (deployed.folder / "worker.py").write_text("raise SystemExit('broken')\n")
    tiny.say("broken")
    assert deployed.run("ship").code == 30
    assert rows(deployed, "worker.1") == [("v1", "up")]
    assert "finishes" not in deployed.deploy("logs", "--release", "v1", "worker.1"), "nobody has told it to stop"


def test_what_does_not_stop_in_time_is_killed_though_nobody_waits(slow, tiny):
    deployed = slow("drain", stop="1s")
    deployed.deploy("ship")
    old = next(row["pid"] for row in deployed.json("ps")["processes"] if row["process"] == "worker.1")
    tiny.say("second")
    deployed.deploy("ship")
    eventually(lambda: rows(deployed, "worker.1") == [("v2", "up")])
    assert not os.path.exists(f"/proc/{old}")


def test_a_gap_is_told_before_it_happens_and_only_then(deployed, tiny):
    words = "refuses requests"
    assert words not in deployed.run("ship").err, "nobody served before"
    tiny.say("second")
    assert "web refuses requests for a moment while it is replaced" in deployed.run("ship").err
    back = deployed.run("rollback")
    assert "web refuses requests for about " in back.err, "it was measured"
    assert words not in deployed.run("scale", "worker=2").err
    assert words not in deployed.run("restart", "worker").err
    assert words in deployed.run("restart", "web").err
