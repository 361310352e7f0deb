"""`python -m benchmarks.soak [--commands N] [--idle SECONDS]`: does the embedded manager ever spin, or lose something?

The tiny app on this machine: N ships, restarts and scales in a row, while two readers ask supervisord what runs and a
third says `deploy ps` and `status`.  Then nothing is asked for a while: every process of the target that is not the
app's has to take less than 0.5 % of a core, and descriptors and processes have to be as many as at the beginning.
Ends in 1 if they are not.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from deployer.agent.layout import Layout
from deployer.agent.supervisor_client import Client, Unanswered
from deployer.agent.supervisor_daemon import Daemon
from tests.agent.managed import of_the_target
from tests.apps.tiny import tiny_app
from tests.e2e.conftest import FAST
from tests.e2e.deployed import Deployed
from tests.ssh.server import free_port

MOST = 0.005  # of a core
COMMANDS = (("ship", "--force"), ("restart",), ("scale", "web=2"), ("restart", "web"), ("scale", "web=1"))


class Readers:
    """Who asks all the time what runs."""

    def __init__(self, one: Deployed) -> None:
        self._one, self._done, self.asked = one, threading.Event(), 0
        self._threads = [threading.Thread(target=what) for what in (self._ask, self._ask, self._say)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        client = Client(self._one.root)
        while not self._done.wait(0.01):
            try:
                client.call("getAllProcessInfo")
                self.asked += 1
            except Unanswered:
                continue

    def _say(self) -> None:
        while not self._done.wait(5):
            self._one.run("ps")
            self._one.run("status")


def main() -> int:
    """Soak; tell the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--idle", type=float, default=20, help="seconds of the last look")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_app(Path(folder, "app"))
        tiny.settings(
            FAST.format(app="soak", port=free_port(), more="").replace("boot_timeout: 5s", "boot_timeout: 60s")
        )
        one = Deployed(tiny.folder, Path(folder, "home"), "soak", 0)
        one.home.mkdir()
        try:
            one.deploy("ship")
            before = counts(one)
            codes, seconds = soak(one, tiny, asked.commands)
            time.sleep(3)
            after, busy = counts(one), idle(one, asked.idle)
        finally:
            one.end()
    print(
        f"commands                 {asked.commands} in {seconds:.0f} s; ended otherwise than with 0: {codes or 'none'}"
    )
    print(f"processes, descriptors   {before} before, {after} after")
    print(f"idle, share of a core    {', '.join(f'{name} {share:.2%}' for name, share in busy.items())}")
    return 1 if codes or after != before or max(busy.values()) > MOST else 0


def soak(one: Deployed, tiny, commands: int) -> tuple[dict[str, int], float]:
    """Say the commands; those that ended otherwise than with 0, and the seconds."""
    begun, codes = time.monotonic(), {}
    with Readers(one) as readers:
        for number in range(commands):
            command = COMMANDS[number % len(COMMANDS)]
            if command == ("ship",):
                tiny.say(f"text {number}")
            ended = one.run(*command)
            if ended.code:
                codes[f"{number} {' '.join(command)}"] = ended.code
                print(ended.err, flush=True)
            if number % 20 == 19:
                share = max(idle(one, 0.5).values())
                print(f"{number + 1} after {time.monotonic() - begun:.0f} s; {share:.1%} while asked", flush=True)
    print(f"asked besides            {readers.asked} times")
    return codes, time.monotonic() - begun


def counts(one: Deployed) -> tuple[int, int]:
    """How many processes the target has, and how many descriptors its supervisord."""
    (pid,) = supervisord(one)
    time.sleep(0.5)
    return len(of_the_target(Layout(one.root, one.app, "local"))), len(os.listdir(f"/proc/{pid}/fd"))


def supervisord(one: Deployed) -> list[int]:
    """Its supervisord, without the shell that keeps it."""
    return [Client(one.root).call("getPID")]


def idle(one: Deployed, seconds: float) -> dict[str, float]:
    """The share of a core that each process of the target takes which is none of the app's."""
    files = Layout(one.root, one.app, "local")
    daemons = Daemon(files, Client(one.root)).pids()
    names = {pid: "supervisord" if pid in supervisord(one) else "its keeper" for pid in daemons}
    before, begun = {pid: used(pid) for pid in names}, time.monotonic()
    time.sleep(seconds)
    return {name: (used(pid) - before[pid]) / 1e9 / (time.monotonic() - begun) for pid, name in names.items()}


def used(pid: int) -> int:
    """Nanoseconds on a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


if __name__ == "__main__":
    sys.exit(main())
