"""How does one speak with systemd?  By `systemctl`, to the system's manager or to a user's, always with a bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Sequence

from deployer.agent.environment import PATH
from deployer.agent.fault import point
from deployer.agent.program import Answer, ask
from deployer.agent.user import home
from deployer.core.errors import RunFailed

PATIENCE = 30.0  # seconds for whatever has not to wait for a process
SHOWN = (
    "Id",
    "ActiveState",
    "SubState",
    "MainPID",
    "Result",
    "Job",
    "WorkingDirectory",
    "StateChangeTimestampMonotonic",
    "ExecMainCode",
    "ExecMainStatus",
    "ExecMainStartTimestampMonotonic",
    "ExecMainExitTimestampMonotonic",
)


class Systemctl:
    """The service manager of `user` (a uid; our own if none): the system's where that is root."""

    def __init__(self, user: Optional[int] = None) -> None:
        self.user = os.geteuid() if user is None else user
        self.of_the_system = self.user == 0
        self.scope = [] if self.of_the_system else ["--user"]

    @property
    def units(self) -> Path:
        """Where its unit files are."""
        if self.of_the_system:
            return Path("/etc/systemd/system")
        return home(self.user) / ".config/systemd/user"

    @property
    def wants(self) -> Path:
        """The folder of links to what is started with the host."""
        return self.units / ("multi-user.target.wants" if self.of_the_system else "default.target.wants")

    def answers(self) -> bool:
        """Whether it is there and may be used."""
        if not os.path.isdir("/run/systemd/system"):
            return False
        try:
            return self._call(["show", "--property=Version"], PATIENCE).code == 0
        except (RunFailed, FileNotFoundError):
            return False

    def knows(self, unit: str) -> bool:
        """Whether there is such a unit."""
        return self._call(["cat", "--", unit], PATIENCE).code == 0

    def show(self, pattern: str, *properties: str) -> dict[str, dict[str, str]]:
        """The loaded units that `pattern` names, by their names; each with the `properties`, else those in SHOWN."""
        words = ["show", pattern, f"--property={','.join(('Id', *properties) if properties else SHOWN)}"]
        text = self._said(words, self._call(words, PATIENCE))
        found = {}
        for block in text.split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            if values.get("Id"):
                found[values["Id"]] = values
        return found

    def tell(self, word: str, *units: str, options: Sequence[str] = (), patience: float = PATIENCE) -> None:
        """Say `word` of all these units at once; `RunFailed` if systemd refuses or does not answer in time."""
        point(f"systemd.{word}")
        words = [word, *options, "--", *units]
        self._said(words, self._call(words, patience))
        point(f"systemd.{word}-said")

    def environment(self) -> dict[str, str]:
        """What systemd's programs need to know to find the manager."""
        found = {"PATH": PATH, "LANG": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
        return found if self.of_the_system else {**found, "XDG_RUNTIME_DIR": f"/run/user/{self.user}"}

    def ask(self, program: str, *words: str, patience: float = PATIENCE) -> Answer:
        """Ask one of systemd's programs (`systemd-run`) about this manager."""
        return ask([program, *self.scope, *words], self.environment(), patience=patience, user=self.user)

    def _call(self, words: Sequence[str], patience: float) -> Answer:
        return self.ask("systemctl", "--no-ask-password", *words, patience=patience)

    def _said(self, words: Sequence[str], answer: Answer) -> str:
        if answer.code:
            said = f"systemd refuses `systemctl {' '.join([*self.scope, words[0]])}`"
            raise RunFailed(said, output=answer.errors)
        return answer.text
