"""What does one type to deploy?  The same scenarios with deployer and with Capistrano."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.fleet.app import NAME, App
from benchmarks.fleet.meter import Cost, Place, measured
from benchmarks.operators import BIN
from tests.lab.host import Host

DELIVERY, GIT_PORT, GREETING = Path(__file__).with_name("capistrano"), 9418, 10
FIRST, REDEPLOY, ROLLBACK, CONFIG = "first deploy", "one-line redeploy", "rollback", "config alone"
PLAIN = ", no restart"
SCENARIOS = (FIRST, REDEPLOY, ROLLBACK, CONFIG, REDEPLOY + PLAIN, ROLLBACK + PLAIN)
CHANGED = (REDEPLOY, REDEPLOY + PLAIN)  # before these a line of the app is changed

DEPLOY_YAML = """\
app: {app}
build:
  pack: commands
  commands: ["true"]
processes:
  worker: {{stop_timeout: 5s, healthy_time: 100ms}}
targets:
"""
TARGET = "  {name}: {{hosts: [{hosts}], user: deploy, path: ~/{name}}}\n"


class Tool(Protocol):
    """Something to deploy with; `trial` names a place on the hosts to which nobody has deployed before."""

    name: str

    def do(self, scenario: str, trial: str, waits: Sequence[float]) -> Cost:
        """Type what the scenario wants."""
        ...


def environment(home: Path) -> dict[str, str]:
    """What an operator's commands see."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOY", "XDG_", "GIT_"))}
    return {**kept, "HOME": str(home), "NO_COLOR": "1"}


class Deployer:
    """`deploy`."""

    name = "deployer"

    def __init__(self, app: App, hosts: Sequence[Host], home: Path, trials: Sequence[str]) -> None:
        self._app, self._hosts, self._env = app, hosts, environment(home)
        names = ", ".join(host.name for host in hosts)
        targets = "".join(TARGET.format(name=trial, hosts=names) for trial in trials)
        app.settings(DEPLOY_YAML.format(app=NAME) + targets)

    def build(self) -> Cost:
        """Make the build of the newest commit: once for all hosts and trials, as a CI job would."""
        return measured(Place(self._app.folder, self._env, self._hosts[:1], "/none"), str(BIN / "deploy"), "build")

    def look(self, trial: str) -> Cost:
        """What `status` costs: the least that any command does."""
        return self._type(trial, "status")

    def do(self, scenario: str, trial: str, waits: Sequence[float]) -> Cost:
        """Type what the scenario wants; the process type runs not at all where nothing is to be restarted."""
        if scenario == REDEPLOY + PLAIN:
            self._type(trial, "scale", "worker=0")
        words = {ROLLBACK: ("rollback",), CONFIG: ("config", "set", f"SALT={time.time()}", "--run")}
        return self._type(trial, *words.get(scenario.removesuffix(PLAIN), ("ship",)), waits=waits)

    def _type(self, trial: str, *words: str, waits: Sequence[float] = ()) -> Cost:
        place = Place(self._app.folder, self._env, self._hosts, f"/home/deploy/{trial}/current")
        return measured(place, str(BIN / "deploy"), "--target", trial, *words, waits=waits)


class Capistrano:
    """`cap`: git strategy, five releases kept, nothing linked; a user's unit is restarted at the end."""

    name = "Capistrano"

    def __init__(self, hosts: Sequence[Host], home: Path, repository: str) -> None:
        self._hosts, self._folder = hosts, home / "capistrano"
        more = {"BENCH_HOSTS": ",".join(host.name for host in hosts), "BENCH_REPOSITORY": repository}
        self._env = {**environment(home), **more}
        (self._folder / "config/deploy").mkdir(parents=True)
        for source, target in (
            ("Capfile", "Capfile"),
            ("deploy.rb", "config/deploy.rb"),
            ("", "config/deploy/bench.rb"),
        ):
            (self._folder / target).write_text((DELIVERY / source).read_text() if source else "")
        for host in hosts:
            unit = host.root / "etc/systemd/user/light@.service"
            unit.write_text((DELIVERY / "light@.service").read_text())

    def do(self, scenario: str, trial: str, waits: Sequence[float]) -> Cost:
        """Type what the scenario wants."""
        env: Mapping[str, str] = {"BENCH_TRIAL": trial, "BENCH_RESTART": "" if PLAIN in scenario else "yes"}
        task = {ROLLBACK: "deploy:rollback", CONFIG: "bench:config"}.get(scenario.removesuffix(PLAIN), "deploy")
        place = Place(self._folder, self._env, self._hosts, f"/home/deploy/cap-{trial}/current")
        return measured(place, "cap", "bench", task, env=env, waits=waits)


@contextlib.contextmanager
def served(app: App, address: str) -> Iterator[str]:
    """The app's repository, packed, by git's own daemon on `address`; its URL."""
    subprocess.run(["git", "gc", "--quiet"], cwd=app.folder, check=True)
    options = ["--export-all", "--reuseaddr", "--max-connections=0", f"--listen={address}", f"--port={GIT_PORT}"]
    daemon = subprocess.Popen(["git", "daemon", *options, f"--base-path={app.folder.parent}"], start_new_session=True)
    url = f"git://{address}/{app.folder.name}"
    try:
        deadline = time.monotonic() + GREETING
        while subprocess.run(["git", "ls-remote", url], capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline, "git's daemon does not answer"
            time.sleep(0.05)
        yield url
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)  # `git` and the daemon that it starts
        daemon.wait()
