"""A fleet whose `clock` may run once in the whole target, and a clock that notices a second one.

It holds a lock that all hosts of this machine share from its first moment to its very end, and adds a line to
`violations` where another one still has it.  While it lives it beats into `beats`: host, release, time.
"""

import shlex
import time
from contextlib import contextmanager

from tests.apps.tiny import PYTHON

from .fleet import Fleet

CLOCK = """\
import fcntl, os, pathlib, signal, time

place = pathlib.Path({place!r})
host, release = pathlib.Path(os.environ["DEPLOY_ROOT"]).parent.name, os.environ["DEPLOY_RELEASE"]
ending, _, seconds = (pathlib.Path(__file__).parent / "ending").read_text().strip().partition(" ")


def note(name, text):
    with open(place / name, "a") as file:
        file.write(f"{{host}} {{release}} {{text}}\\n")


lock = open(place / "lock", "a")
if {locks!r}:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("violations", time.time())
        fcntl.flock(lock, fcntl.LOCK_EX)
end = []
signal.signal(signal.SIGTERM, lambda *_: end.append(time.monotonic() + float(seconds or 0)))
while not end or ending == "ignore" or time.monotonic() < end[0]:
    note("beats", time.time())
    time.sleep(0.03)
"""
SETTINGS = """\
app: tiny
build: {{pack: commands, commands: [cp text.txt built.txt]}}
processes:
  worker: {{stop_timeout: 2s, healthy_time: 100ms}}
  clock: {{{clock}stop_timeout: {patience}, healthy_time: 500ms}}
targets:
  production:
    manager: supervisor
    confirm_timeout: 5s
    ssh: {{connect_timeout: 5s}}
    hosts:
{hosts}"""
FORMATION = ("clock", "worker")


class ClockFleet(Fleet):
    """web1, web2 and web3, each with a worker; the clock may be on any of them, or where `clocks` says."""

    def __init__(self, folder, *, port, names=("web1", "web2", "web3")):
        self.able, self.patience, self.clock = (), "4s", "once: true, "
        super().__init__(folder, port=port, names=names)
        (self.place / "seen").mkdir()
        self.end_as("promptly")

    def declare(self, *names, **_more):
        super().declare(*names)
        self.clocks(*self.able)

    def clocks(self, *able, clock=None, patience=None):
        """Say in deploy.yaml which hosts may run the clock (none: all), what is said of it, its `stop_timeout`."""
        self.able = able
        self.clock = self.clock if clock is None else clock
        self.patience = self.patience if patience is None else patience
        entries = "".join(f"      - {self._entry(name, web=False)}\n" for name in self.names)
        self.tiny.settings(SETTINGS.format(clock=self.clock, patience=self.patience, hosts=entries))

    def _entry(self, name, *, web):
        runs = ["worker", *(["clock"] if not self.able or name in self.able else [])]
        return f"{{host: {name}, path: {self.of(name)}, runs: [{', '.join(runs)}]}}"

    def end_as(self, how, *, locks=True):
        """How the clock of the next release ends: `promptly`, `slow SECONDS` after SIGTERM, `ignore` it, `crash`."""
        (self.folder / "clock.py").write_text(CLOCK.format(place=str(self.place / "seen"), locks=locks))
        (self.folder / "ending").write_text(f"{how}\n")
        python = f"exec {shlex.quote(PYTHON)} -I -S"
        clock = "exit 3" if how == "crash" else f"{python} clock.py"
        self.tiny.procfile(f"clock: {clock}\nworker: {python} server.py worker\n")

    def lines(self, name):
        """What clocks have noted: host, release, time."""
        path = self.place / "seen" / name
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def beating(self):
        """Which hosts' clocks beat during a third of a second, and of which release."""
        before = len(self.lines("beats"))
        time.sleep(0.35)
        return sorted({(host, release) for host, release, _ in self.lines("beats")[before:]})

    def one(self, host, release):
        """The only clock is that of `release` on `host`, everybody says so, and there never was another beside it."""
        beating = self.beating()
        assert beating == [(host, release)], f"{beating}: not {host} {release}"
        assert [name for name in self.names if "clock.1" in self.runs(name)] == [host]
        assert self.lines("violations") == []
        assert self.differences() == []

    def one_at_most(self):
        """There never were two."""
        assert self.lines("violations") == []
        assert len(self.beating()) <= 1

    @contextmanager
    def armed(self, name, point):
        """The agents of a host are killed at this point."""
        sshd = self.sshds[name]
        sshd.stop()
        sshd.environment["DEPLOYER_FAULT"] = point
        sshd.start()
        try:
            yield
        finally:
            sshd.stop()
            del sshd.environment["DEPLOYER_FAULT"]
            sshd.start()
