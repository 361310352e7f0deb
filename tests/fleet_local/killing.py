"""Deploys with kills: one after the other, each cut off in some way at some moment, and each healed by a plain run."""

import contextlib
import os
import signal
import threading
import time
from collections import Counter

from tests.e2e.deployed import eventually
from tests.ssh.server import descendants, named

from .fleet import healed

WHAT = ("operator", "agent", "guarded agent", "supervisord", "clock", "nothing")


class Killing:
    """`fleet` under deploys and kills that `chance` decides; `report` hears of each."""

    def __init__(self, fleet, chance, report=lambda _: None):
        self.fleet, self.chance, self.report = fleet, chance, report
        self.deploys, self.kills, self.cut, self.codes = 0, Counter(), 0, Counter()
        self.longest = 3.0  # seconds that the newest deploys took: in which a kill comes

    def deploy(self):
        """One deploy, with a kill at some moment of it; then, if it did not end in 0, a plain run that does."""
        words, what = self._words(), self.chance.choice(WHAT)
        begun, process = time.monotonic(), self.fleet.start(*words, "--wait", "30s")
        killer = threading.Thread(target=self._kill, args=(what, self.chance.uniform(0.3, self.longest), process))
        killer.start()
        _, errors = process.communicate(timeout=180)
        took = time.monotonic() - begun
        killer.join()
        self.deploys += 1
        self.codes[process.returncode] += 1
        if process.returncode:
            self.cut += 1
            healed(self.fleet, "run", "--wait", "30s")
        else:
            self.longest = 0.7 * self.longest + 0.3 * took
        last = "".join(line for line in errors.splitlines() if line.startswith("error"))
        healing = time.monotonic() - begun - took
        ended = f"{process.returncode} in {took:.1f} s, healed in {healing:.1f} s"
        self.report(f"{' '.join(words)}, {what} killed: {ended} {last}")
        beats = self.fleet.beats
        eventually(lambda: self.fleet.beats > beats + 3, seconds=30, what=f"a clock: {errors}")
        assert not self.fleet.violations, f"{self.fleet.violations}\n{errors}"

    def _words(self):
        """What the next deploy is: a new release, an earlier one, or the clock on another host."""
        fleet, what = self.fleet, self.chance.choice(("ship", "ship", "move", "move and ship", "rollback", "restart"))
        if "move" in what:
            now = fleet.owner()[0]
            fleet.clocks(self.chance.choice([name for name in fleet.names if name != now]))
        if "ship" in what:
            fleet.tiny.say(f"text {self.deploys}")
            return ["ship"]
        if what == "rollback" and len(fleet.kept("web1")) > 2 and self.deploys > 2:
            return ["rollback"]
        return ["restart"] if what == "restart" else ["run"]

    def _kill(self, what, after, deploy):
        deadline = time.monotonic() + after
        while time.monotonic() < deadline and deploy.poll() is None:
            time.sleep(0.01)
        for pid in self._victims(what, deploy):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills[what] += 1

    def _victims(self, what, deploy):
        name = self.chance.choice(self.fleet.names)
        if what == "operator":
            return [deploy.pid] if deploy.poll() is None else []
        if what == "supervisord":
            return [int(text) for text in [_read(self.fleet.of(name) / "run" / "supervisord.pid")] if text]
        if what == "clock":
            return [int(self.fleet.redis.say("GET", "owner").split()[2])]
        if "agent" in what:
            below = descendants(self.fleet.sshds[name].process.pid)
            agents = [pid for pid in below if named(pid).startswith(("python", "deployer"))]
            guards = [pid for pid in below if named(pid) == "sh"]
            return [*guards, *agents] if what == "guarded agent" else agents
        return []


def _read(path):
    try:
        return path.read_text().strip()
    except OSError:
        return ""
