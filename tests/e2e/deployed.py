"""An app, its operator's machine and the real `deploy` command, in folders of their own."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor
from deployer.stages import view
from deployer.stages.events import silent
from deployer.stages.operator import operator
from deployer.stages.project import project
from deployer.stages.target import opened

from . import warm

DEPLOY = [sys.executable, "-m", "deployer.cli.main"]
COLD = bool(os.environ.get("DEPLOYER_TEST_COLD"))  # start every command anew: tests/e2e/warm.py
LONGEST = 180  # seconds that any command may take here


@dataclass(frozen=True)
class Result:
    """How one call of `deploy` ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Deployed:
    """The app in `folder`, deployed to the target `local` by an operator whose state is in `home`."""

    folder: Path
    home: Path
    app: str
    port: int
    env: dict[str, str] = field(default_factory=dict)

    place: Path | None = None  # where deploy.yaml puts the target, if it says so

    @property
    def root(self) -> Path:
        return self.place or self.home / "state" / "deployer" / self.app

    @property
    def environ(self) -> dict[str, str]:
        own = {
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "NO_COLOR": "1",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOY", "XDG_"))}
        return {**kept, **own, **self.env}

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
        """`deploy …` as a process in a session of its own."""
        return subprocess.Popen(
            [*DEPLOY, *arguments],
            cwd=self.folder,
            env={**self.environ, **(env or {})},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            start_new_session=True,
            **more,
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, text: str | None = None) -> Result:
        """How `deploy …` ends, whatever its code."""
        if not COLD:
            told = warm.run(arguments, self.folder, {**self.environ, **(env or {})}, text, LONGEST)
            assert told[0] is not None, f"deploy {arguments} hung:\n{told[1]}\n{told[2]}"
            return Result(*told)
        process = self.start(*arguments, env=env, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE)
        try:
            out, err = process.communicate(text, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"deploy {arguments} hung:\n{out}\n{err}") from None
        return Result(process.returncode, out, err)

    def deploy(self, *arguments: str, code: int = 0, **more: Any) -> str:
        """What `deploy …` prints on stdout; it must end with `code`."""
        result = self.run(*arguments, **more)
        assert result.code == code, f"deploy {arguments} ended with {result.code}:\n{result.out}\n{result.err}"
        assert "Traceback" not in result.err
        return result.out.rstrip("\n")

    def json(self, *arguments: str, code: int = 0, **more: Any) -> Any:
        """What `deploy … --json` prints."""
        result = self.run(*arguments, "--json", **more)
        assert result.code == code, f"deploy {arguments} ended with {result.code}:\n{result.out}\n{result.err}"
        return result.document

    def get(self, path: str = "/", *, number: int = 1, seconds: float = 10) -> str:
        """The body of `path` as process web.`number` answers it; waits for a process that is coming up."""
        deadline = time.monotonic() + seconds
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port + number - 1, timeout=5)
            try:
                connection.request("GET", path)
                return connection.getresponse().read().decode()
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.03)
            finally:
                connection.close()

    def leave_first_ports(self) -> None:
        """Have it choose ports from 26000 on: the first thousands are those that other tests expect meanwhile."""
        registry = self.home / "state" / "deployer"
        registry.mkdir(parents=True)
        (registry / "ports.json").write_text(json.dumps({"/": list(range(5000, 26000, 1000))}))

    def differences(self) -> list[str]:
        """What `status` and `verify` would complain of; asked in this process, which is quicker."""
        where = operator(self.environ, who="test", now=lambda: "", token=lambda: "")
        with opened(project(self.folder, where), "local", command="test", write=False, report=silent) as target:
            told = [text for host in view.status(target) for text in (*host.drift, host.error) if text]
            return told + [problem for one in view.verify(target) for problem in one.problems]

    def current(self) -> str:
        """What `current` names."""
        return os.readlink(self.root / "current").removeprefix("releases/")

    def processes(self) -> dict[str, str]:
        """The states of all processes, by name."""
        return {row["process"]: row["state"] for row in self.json("ps")["processes"]}

    def end(self) -> None:
        """End whatever runs."""
        with contextlib.suppress(Exception):
            Supervisor(Layout(self.root, self.app, "local")).shutdown()
        pid = self.root / "run" / "supervisord.pid"
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pid.read_text()), signal.SIGKILL)


def eventually(condition: Any, *, seconds: float = 20, what: str = "") -> Any:
    """What `condition` returns once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        time.sleep(max(0.05, min(time.monotonic() - asked, 1)))  # a condition that is a command leaves room for others
