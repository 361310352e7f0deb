"""`kill -9` at every step of every command: what served before serves, and the same command again succeeds.

The steps are not chosen: a first, undisturbed run of the command tells every point that it passes (each change of the
disk, each word to the process manager), on the operator's side and the agent's; then it is killed at each of them.
"""

import os
from collections import Counter

import pytest

from .deployed import eventually

COMMANDS = {
    "build": ["build"],
    "release": ["release"],
    "run": ["run"],
    "ship": ["ship"],
    "rollback": ["rollback", "v1"],  # a bare one that is typed twice goes back two
    "config": ["config", "set", "COLOUR={n}", "--run"],
    "scale": ["scale", "web={count}"],
    "restart": ["restart"],
    "stop": ["stop"],
    "start": ["start"],
    "prune": ["prune", "--keep", "1"],
}


SWEPT_LATER = {"objects", "builds", "made", "cache"}  # a build may be at work there: what is an hour old goes


class Sweep:
    """One command, killed again and again on the same target, which must stand it all."""

    def __init__(self, name, deployed, tiny):
        self.name, self.deployed, self.tiny, self.n = name, deployed, tiny, 0
        tiny.say("text 0")
        deployed.deploy("ship")
        if name == "prune":  # the current release and the one before it always stay
            tiny.say("text 00")
            deployed.deploy("ship")

    def prepare(self):
        """Bring the target to where the command has work to do; what it serves is known."""
        self.n += 1
        deployed = self.deployed
        if self.name in ("build", "release", "run", "ship", "rollback", "prune"):
            self.tiny.say(f"text {self.n}")
        if self.name == "run":
            deployed.deploy("release")
        if self.name in ("rollback", "prune"):
            deployed.deploy("ship")
        if self.name == "start":
            deployed.deploy("stop")
        if self.name == "stop":
            deployed.deploy("start")
        self.before = None if self.name == "start" else deployed.get("/")
        return [word.format(n=self.n, count=self.n % 2 + 1) for word in COMMANDS[self.name]]

    def check_between(self):
        """After a kill: in bounded time something serves (or, for a stop, nothing may), and `current` leads to it."""
        if self.name in ("start", "stop"):
            return
        served = self.deployed.get("/", seconds=20)
        assert served.startswith("text ")
        eventually(lambda: os.path.isdir(self.deployed.root / "current"), what="`current`")

    def check_after(self):
        """After the same command again: everything agrees, and nothing is left over."""
        deployed = self.deployed
        assert deployed.differences() == []
        left = {path.relative_to(deployed.root).parts[0] for path in deployed.root.rglob(".tmp-*")}
        assert left <= SWEPT_LATER
        assert not (deployed.root / "run" / "pending").exists()
        if self.name in ("run", "ship"):
            assert deployed.get("/").strip() == f"text {self.n}"


def points(trace):
    """Every point with the occurrences to try: the first and the last, for each process that passed it."""
    chosen = set()
    passed = Counter(tuple(line.split(" ", 1)) for line in trace.read_text().splitlines())
    for (_, name), times in passed.items():
        chosen |= {(name, nth) for nth in (1, times)}
    return sorted(chosen)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_any_step_leaves_what_served_and_the_command_again_succeeds(name, deployed, tiny, tmp_path):
    sweep = Sweep(name, deployed, tiny)
    trace = tmp_path / "trace"
    words = sweep.prepare()
    deployed.deploy(*words, env={"DEPLOYER_FAULT_TRACE": str(trace)})
    sweep.check_after()
    todo = points(trace)
    assert len(todo) > 3
    killed = 0
    for point, nth in todo:
        words = sweep.prepare()
        result = deployed.run(*words, env={"DEPLOYER_FAULT": f"{point}:{nth}"})
        killed += result.code != 0
        try:
            sweep.check_between()
            deployed.deploy(*words, "--wait", "30s")
            sweep.check_after()
        except BaseException as error:
            error.add_note(f"killed at {point}:{nth} ({result.code}): {result.err}")
            raise
    assert killed >= len(todo) * 0.8, "most of the points are passed again by the command that is to die there"
