"""A target `production` of several hosts on this machine: an sshd and a root of its own for each.

    with Fleet(tmp_path, port=port) as fleet:  # web1, web2, web3
        fleet.deploy("ship")
        with fleet.down("web2"):
            fleet.deploy("run", code=40)
        assert fleet.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}

The app is the tiny one.  `worker` runs on every host; `web` on the first alone, since all share this machine's ports.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor
from deployer.stages import view
from deployer.stages.events import silent
from deployer.stages.operator import operator
from deployer.stages.project import project
from deployer.stages.target import opened
from tests.apps.tiny import TinyApp, tiny_app
from tests.e2e.deployed import Deployed, eventually
from tests.ssh.server import Sshd

APP = "tiny"
TARGET = "production"
NAMES = ("web1", "web2", "web3")
SETTINGS = """\
app: {app}
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 60s, stop_timeout: 2s, healthy_time: 300ms, port: {port}}}
  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
targets:
  production:
    manager: supervisor
    confirm_timeout: 5s
    ssh: {{connect_timeout: 5s}}
{more}    hosts:
{hosts}"""


class Fleet(Deployed):
    """The app, its operator and the hosts.  `more` are lines of the target, at its keys' margin (four spaces)."""

    def __init__(self, folder: Path, *, port: int, names: Sequence[str] = NAMES, more: str = "") -> None:
        super().__init__(folder / "app", folder / "home", APP, port)
        self.place, self.more = folder, more
        self.home.mkdir()
        self.sshds: dict[str, Sshd] = {}
        self.names: list[str] = []
        self.tiny: TinyApp = tiny_app(self.folder)
        self.declare(*names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def declare(self, *names: str, first: str = "", more: str | None = None) -> None:
        """Say in deploy.yaml that these are the hosts, `first` (else the first of them) with `web`; new ones start."""
        self.more = self.more if more is None else more
        for name in names:
            if name not in self.sshds:
                self.sshds[name] = Sshd(self.place / name)
                self.sshds[name].start()
                self.sshds[name].operator(self.home, name)
        self.names = list(names)
        entries = [self._entry(name, web=name == (first or names[0])) for name in names]
        self.tiny.settings(
            SETTINGS.format(app=APP, port=self.port, more=self.more, hosts="".join(f"      - {e}\n" for e in entries))
        )

    def _entry(self, name: str, *, web: bool) -> str:
        return f"{{host: {name}, path: {self.of(name)}{'' if web else ', runs: [worker]'}}}"

    def rename(self, name: str, other: str) -> None:
        """Call a host by another name in deploy.yaml and for ssh."""
        self.sshds[other] = self.sshds.pop(name)
        self.sshds[other].operator(self.home, other)
        self.declare(*[other if known == name else known for known in self.names])

    def of(self, name: str) -> Path:
        """The root of a host."""
        return self.sshds[name].folder / "root"

    @contextlib.contextmanager
    def down(self, *names: str) -> Iterator[None]:
        """These hosts cannot be reached; what runs on them runs on, and what serves an operator hears of its end."""
        for name in names:
            self.sshds[name].stop()
        try:
            yield
        finally:
            for name in names:
                self.sshds[name].start()

    def ledger(self, name: str) -> list[bytes]:
        """The records that a host has, oldest first."""
        folder = self.of(name) / "ledger"
        return [path.read_bytes() for path in sorted(folder.glob("[0-9]*"))] if folder.is_dir() else []

    def heads(self) -> dict[str, int]:
        """How many records each host has."""
        return {name: len(self.ledger(name)) for name in self.names}

    def same_ledgers(self) -> bool:
        """Whether all hosts have the same records, and some."""
        first, *others = [self.ledger(name) for name in self.names]
        return bool(first) and all(other == first for other in others)

    def serves(self) -> dict[str, str]:
        """What `current` names on each host, '' for nothing."""
        return {name: self._link(name) for name in self.names}

    def _link(self, name: str) -> str:
        try:
            return os.readlink(self.of(name) / "current").removeprefix("releases/")
        except FileNotFoundError:
            return ""

    def kept(self, name: str) -> list[str]:
        """The release directories on a host."""
        return sorted(path.name for path in (self.of(name) / "releases").glob("v*"))

    def runs(self, name: str) -> dict[str, str]:
        """The processes that run on a host, by name: of which release."""
        found = {}
        for instance in self.manager(name).instances():
            if instance.state in ("up", "starting"):
                found[instance.process.name] = f"v{instance.process.release}"
        return found

    def manager(self, name: str) -> Supervisor:
        """What keeps a host's processes alive."""
        return Supervisor(Layout(self.of(name), APP, TARGET))

    def differences(self) -> list[str]:
        """What `status` and `verify` would complain of, whatever the host; asked in this process."""
        where = operator(self.environ, who="test", now=lambda: "", token=lambda: "")
        with opened(project(self.folder, where), TARGET, command="test", write=False, report=silent) as target:
            seen = view.status(target)
            told = [f"{host.host}: {text}" for host in seen for text in (*host.drift, host.error) if text]
            return told + [f"{one.host}: {text}" for one in view.verify(target) for text in one.problems]

    def lose(self, name: str) -> None:
        """The host is gone for good: no sshd, nothing runs, nothing is left of it."""
        self.sshds[name].stop()
        self._end(name)
        shutil.rmtree(self.of(name), ignore_errors=True)

    def end(self) -> None:
        """End whatever runs."""
        for name in self.sshds:
            self.sshds[name].stop()
            self._end(name)

    def _end(self, name: str) -> None:
        with contextlib.suppress(Exception):
            self.manager(name).shutdown()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.of(name) / "run" / "supervisord.pid").read_text()), 9)


def healed(fleet: Fleet, *arguments: str) -> None:
    """`deploy …` ends in exit code 0, as soon as hosts that were cut off have put back what served."""
    eventually(lambda: fleet.run(*arguments).code == 0, seconds=60, what=f"deploy {arguments}")
