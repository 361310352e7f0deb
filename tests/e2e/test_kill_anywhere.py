"""Cut off at any step of any command: what served before serves, and the same command again does what was asked.

The steps are not chosen by hand: a first, undisturbed run of the command tells every point that it passes (each change
of the disk, each word to the process manager), on the operator's side and the agent's.  At some of them, spread over
the whole run, one part is killed, or the operator and the agent together, or the disk refuses.  Nobody waits before the
same command is typed again, and what counts is what was asked for: not that something serves.

DEPLOYER_TEST_EVERY_POINT=1 tries them all, which takes an hour; =refusals each at which the disk can refuse, five
minutes.
"""

import contextlib
import os
import random
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from deployer.agent import fault
from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor

from .deployed import eventually

COMMANDS = {
    "build": ["build"],
    "release": ["release"],
    "run": ["run"],
    "ship": ["ship"],
    "rollback": ["rollback"],
    "config": ["config", "set", "COLOUR={n}", "--run"],
    "scale": ["scale", "web={count}"],
    "one more": ["scale", "worker+1"],
    "restart": ["restart"],
    "stop": ["stop"],
    "start": ["start"],
    "prune": ["prune", "--keep", "1"],
}
SERVING = {"run", "ship", "rollback", "config"}  # the others change nothing that `/` answers
EVERY = "DEPLOYER_TEST_EVERY_POINT"
KILLS, REFUSALS = 2, 1  # points of each command
ERRORS = ("EIO", "EROFS+", "ENOSPC+", "EDQUOT")
TRUE = {20, 21, 30, 40}  # codes that say that what served before serves on
SWEPT_LATER = {"objects", "builds", "made", "cache"}  # a build may be at work there: what is an hour old goes


class Sweep:
    """One command, cut off again and again on the same target, which must stand it all."""

    def __init__(self, name, deployed, tiny):
        self.name, self.deployed, self.tiny, self.n = name, deployed, tiny, 0
        self.before = self.asked = ""
        for text in ("text 0", "text 00"):
            tiny.say(text)
            deployed.deploy("ship")
        if name == "one more":
            deployed.deploy("scale", "worker=0")

    def prepare(self):
        """Bring the target to where the command has work to do; what it serves, and what it is to serve, is known."""
        self.n += 1
        deployed = self.deployed
        if self.name == "start":
            deployed.deploy("stop")
        if self.name == "stop":
            deployed.deploy("start")
        self.pid = "" if self.name == "start" else deployed.get("/pid")
        self.asked = "" if self.name == "start" else deployed.get("/")  # what a rollback goes back to
        if self.name in ("build", "release", "run", "ship", "rollback", "prune"):
            self.tiny.say(f"text {self.n}")
        if self.name == "run":
            deployed.deploy("release")
        if self.name in ("rollback", "prune"):
            deployed.deploy("ship")
        self.before = None if self.name == "start" else deployed.get("/")
        if self.name in ("run", "ship"):
            self.asked = f"text {self.n}\n"
        return [word.format(n=self.n, count=self.n % 2 + 1) for word in COMMANDS[self.name]]

    def check_between(self, code, told):
        """What serves is what served, or what was asked for; where the exit code says which, it is that one.

        A disk that refuses for good may leave nothing that serves: then 31 says so.
        """
        if self.name in ("start", "stop"):
            return
        if code == 31:
            assert re.search("serves again, but|did not come up again|not as before", told), told
            if "serves again, but" in told:
                assert self.deployed.get("/") == self.before
            return
        served = self.deployed.get("/", seconds=20)
        assert served in (self.before, self.asked if self.name in SERVING else self.before)
        if code in TRUE and code != 40:
            assert served == self.before, f"exit {code} says that what served before serves"
            assert self.deployed.differences() == []
        eventually(lambda: os.path.isdir(self.deployed.root / "current"), what="`current`")

    def check_swept(self):
        """Nothing is left over."""
        root = self.deployed.root
        assert {path.relative_to(root).parts[0] for path in root.rglob(".tmp-*")} <= SWEPT_LATER
        assert not (root / "run" / "pending").exists()
        assert not (root / "run" / "intent").exists()

    def check_after(self):
        """After a command that ended with 0: what was asked for runs, and everything agrees."""
        deployed = self.deployed
        assert deployed.differences() == []
        names = [one.process.name for one in Supervisor(Layout(deployed.root, "tiny", "local")).instances()]
        if self.name == "stop":
            assert names == []
        elif self.name in ("run", "ship", "rollback"):
            assert deployed.get("/") == self.asked
        elif self.name == "config":
            assert deployed.get("/env/COLOUR") == str(self.n)
        elif self.name == "scale":
            assert len([name for name in names if name.startswith("web.")]) == self.n % 2 + 1
        elif self.name == "one more":
            assert len([name for name in names if name.startswith("worker.")]) == self.n
        elif self.name == "restart":
            assert deployed.get("/pid") != self.pid
        elif self.name == "prune":
            assert len(list((deployed.root / "releases").glob("v*"))) <= 2
        else:
            assert deployed.get("/", seconds=20)

    def cut(self, how, words):
        """Have the command cut off as `how` says; its exit code (None: it was killed) and what it said."""
        if not how.endswith(":both"):
            result = self.deployed.run(*words, env={"DEPLOYER_FAULT": how})
            assert "Traceback" not in result.err, result.err
            return result.code, result.err
        process = self.deployed.start(*words, env={"DEPLOYER_FAULT": how.replace(":both", ":stop")})
        agents = eventually(lambda: process.poll() is not None or stopped(self.deployed.root, process.pid), seconds=60)
        if agents is not True:
            for pid in {*agents, process.pid}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return process.wait(30), process.communicate()[1]


def stopped(root, operator):
    """The agents of the target that SIGSTOP has stopped; the operator itself, where it was that one."""
    found = [operator] if state_of(operator) == "T" else []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(root) and state_of(entry.name) == "T":
                found.append(int(entry.name))
    return found


def state_of(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def ways(trace, name):
    """How the command is to be cut off: some of the points that it passed, each with what happens there."""
    lines = [line.split(" ", 1) for line in trace.read_text().splitlines()]
    operators = {pid for pid, point in lines if point.startswith("ask.")}
    passed, points = Counter(), []
    for pid, point in lines:
        passed[pid, point] += 1
        points.append((pid in operators, f"{point}:{passed[pid, point]}"))
    assert len(points) > 3
    chance = random.Random(name)
    kills = [how if operator or chance.random() < 0.5 else f"{how}:both" for operator, how in points]
    refusals = [f"{how}:{chance.choice(ERRORS)}" for _, how in points if fault.changes_disk(how.rpartition(":")[0])]
    if every := os.environ.get(EVERY):
        return list(dict.fromkeys([*([] if every == "refusals" else kills), *refusals]))
    return [*spread(kills, KILLS, chance), *spread(refusals, REFUSALS, chance)]


def spread(found, count, chance):
    """So many of them, one from each part of the whole."""
    parts = min(count, len(found))
    return [chance.choice(found[len(found) * n // parts : len(found) * (n + 1) // parts]) for n in range(parts)]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_cut_off_anywhere_does_what_was_asked_when_it_is_typed_again(name, deployed, tiny, tmp_path):
    sweep = Sweep(name, deployed, tiny)
    trace = tmp_path / "trace"
    words = sweep.prepare()
    deployed.deploy(*words, env={"DEPLOYER_FAULT_TRACE": str(trace)})
    sweep.check_after()
    for how in ways(trace, name):
        words = sweep.prepare()
        begun = time.monotonic()
        code, told = sweep.cut(how, words)
        try:
            sweep.check_between(code, told)
            if code != 0:  # else the disk refused only what the next writer does
                deployed.deploy(*words)
                sweep.check_swept()
            sweep.check_after()
        except BaseException as error:
            error.add_note(f"{how} ({code} after {time.monotonic() - begun:.1f} s): {told}")
            raise
