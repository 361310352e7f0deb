"""A target `production` of one real host under systemd, logged in to as root or as `deploy`; the tiny app is on it."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.apps.tiny import TinyApp, tiny_app
from tests.e2e.deployed import Deployed, eventually
from tests.fleet import inside
from tests.lab.host import Host
from tests.lab.lab import Lab

PORT = 7000
TRACE = "tmp/trace"
SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {health: /up, boot_timeout: 20s, stop_timeout: 2s, healthy_time: 300ms, port: 7000WEB}
  worker: {stop_timeout: 2s, healthy_time: 300ms}
targets:
  production:
    manager: MANAGER
    user: USER
    formation: {web: 2, worker: 1}
    confirm_timeout: 5s
    hosts: [web1]
"""


class OneHost(Deployed):
    """The app, its operator and the host; `user` is who logs in, and so whose systemd it is."""

    def __init__(self, lab: Lab, host: Host, folder: Path, user: str) -> None:
        super().__init__(folder / "app", folder / "home", "tiny", PORT)
        self.host, self.user = host, user
        self.tiny: TinyApp = tiny_app(self.folder, python="python3")
        self.settings()
        (self.home / ".ssh").mkdir(mode=0o700, parents=True)
        shutil.copy(lab.ssh_config, self.home / ".ssh" / "config")

    @property
    def place_seen(self) -> Path:
        """The root of the target, as this machine sees it."""
        return self.host.root / ("srv/tiny" if self.user == "root" else "home/deploy/tiny")

    def settings(self, *, web: str = "", manager: str = "systemd") -> None:
        """deploy.yaml; `web` are more settings of the type."""
        text = SETTINGS.replace("USER", self.user).replace("MANAGER", manager)
        self.tiny.settings(text.replace("WEB", f", {web}" if web else ""))

    def get_from(self, path: str = "/", *, number: int = 1) -> str | None:
        """What web.`number` answers, None where it does not."""
        return inside.get(self.host, PORT + number - 1, path)

    def serves(self, text: str) -> None:
        """In bounded time both web processes answer with `text`."""
        for number in (1, 2):
            asked = functools.partial(self.get_from, number=number)
            eventually(lambda asked=asked: asked() == text, seconds=60, what=f"web.{number} to say {text}")

    def systemctl(self, *words: str) -> str:
        """What the systemctl that is concerned says."""
        scope = "" if self.user == "root" else "--user "
        return self.host.run(f"systemctl {scope}{' '.join(words)}", user=self.user, check=False).stdout

    def units(self) -> list[str]:
        """The units of processes that are anything but dead."""
        lines = self.systemctl("list-units", "--plain", "--no-legend", "'tiny-production-*@[0-9]*'").splitlines()
        return sorted(line.split()[0] for line in lines if line.split()[2] not in ("inactive", "failed"))

    def releases_of_all_processes(self) -> set[str]:
        """The releases of everything that runs from the target."""
        found = self.host.run(
            "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep ^DEPLOY_RELEASE=", check=False
        )
        return {line.partition("=")[2] for line in found.stdout.splitlines()}

    def named(self) -> str:
        """What `current` names."""
        return os.readlink(self.place_seen / "current").removeprefix("releases/")

    @contextlib.contextmanager
    def standing_at(self, fault: str, *words: str) -> Iterator[subprocess.Popen[str]]:
        """`deploy …`, whose agent on the host stands still at a fault point."""
        point, _, nth = fault.partition(":")
        environment, trace = self.host.root / "etc/environment", self.host.root / TRACE
        trace.unlink(missing_ok=True)
        environment.write_text(f"DEPLOYER_FAULT={point}:{nth or 1}:stop\nDEPLOYER_FAULT_TRACE=/{TRACE}\n")
        begun = self.start(*words)
        try:
            eventually(lambda: self._passed(trace, point) >= int(nth or 1) or begun.poll() is not None, seconds=60,
                       what=f"the agent at {fault}")  # fmt: skip
            assert begun.poll() is None, (begun.returncode, *begun.communicate())
            environment.write_text("")
            yield begun
        finally:
            environment.write_text("")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(begun.pid, signal.SIGKILL)
            begun.communicate()

    @staticmethod
    def _passed(trace: Path, point: str) -> int:
        text = trace.read_text() if trace.exists() else ""
        return [line.split()[1] for line in text.splitlines()].count(point)


def instances(one: OneHost) -> list[dict[str, Any]]:
    """What `deploy ps` shows."""
    return list(one.json("ps")["processes"])
