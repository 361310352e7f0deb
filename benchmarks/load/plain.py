"""What does it cost to do without?  The same app as a plain unit of systemd, which `systemctl restart` starts anew."""

from __future__ import annotations

import shutil
import time

from tests.e2e.deployed import eventually
from tests.fleet import inside
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.load.apps import App
from tests.load.field import PORT, Running

UNIT = """\
[Unit]
StartLimitIntervalSec=0
[Service]
User=deploy
WorkingDirectory=/srv/plain
Environment=PORT={port} DEPLOY_RELEASE=v1
ExecStart=/bin/sh -c 'exec env {command}'
Restart=always
"""


class Plain:
    """Hosts with the unit; every change is a restart of it, one host after the other, each waited for."""

    def __init__(self, lab: Lab, app: App, *, count: int) -> None:
        app.change(0)
        self.hosts: list[Host] = lab.fresh_hosts(count)
        self.addresses = tuple(f"{host.address}:{PORT}" for host in self.hosts)
        for host in self.hosts:
            shutil.copytree(app.folder, host.root / "srv/plain", ignore=shutil.ignore_patterns(".git"))
            command = (
                app.command(socket=False).replace("${BIND:-0.0.0.0:$PORT}", f"0.0.0.0:{PORT}").replace("exec ", "")
            )
            unit = UNIT.format(port=PORT, command=command)
            (host.root / "etc/systemd/system/plain.service").write_text(unit)
            host.run("chmod -R a+rX /srv/plain; systemctl daemon-reload; systemctl start plain")
            self._wait(host)

    @staticmethod
    def _wait(host: Host) -> None:
        eventually(lambda: inside.get(host, PORT, "/up"), seconds=60, what=f"the app on {host.name}")

    def do(self, word: str, load: Running) -> float:
        """Restart all of them; the seconds that it took."""
        begun = time.monotonic()
        load.tell(f"begin {word} {begun:.3f}")
        for host in self.hosts:
            host.run("systemctl restart plain")
            self._wait(host)
        load.tell(f"end {word} {begun:.3f}")
        return time.monotonic() - begun

    def end(self) -> None:
        """Nothing: the hosts go with their lab."""
