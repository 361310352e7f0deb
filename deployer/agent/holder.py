"""How does an agent have sockets held that outlive releases?  It asks the holder (agent/hold.py), and starts it.

`run/sockets.json` is the truth about what is to be held: it is written before the holder hears of a socket.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
from typing import Any, Mapping, Optional

from deployer.agent import durable, procfs, sockets, stolen
from deployer.agent.environment import PATH
from deployer.agent.fault import point
from deployer.agent.handed import CONTROL, near
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.waiting import until
from deployer.core.errors import Drift, RunFailed

WANTED, WORD = "run/sockets.json", "hold"
PATIENCE = 10.0
Place = tuple[str, int]  # an address and a port


class Holder:
    """The holder of one target's sockets."""

    def __init__(self, files: Layout) -> None:
        self._files = files

    def wanted(self) -> dict[str, Place]:
        """The process types whose sockets are to be held, and where each listens."""
        try:
            found = json.loads((self._files.root / WANTED).read_bytes())
            return {kind: (address, port) for kind, (address, port) in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise Drift(f"{self._files.root / WANTED} is damaged", hint="remove it, then `deploy restart`") from error

    def held(self) -> dict[str, Place]:
        """The process types whose sockets it holds, and where each listens; none where it does not run."""
        try:
            return {kind: (address, port) for kind, (address, port) in self._ask("list")["held"].items()}
        except (OSError, ValueError, KeyError):
            return {}

    def open(self, places: Mapping[str, Place], release: int) -> None:
        """Have the sockets of these types listen; where no holder runs yet it is that of `release`'s own program."""
        wanted = self.wanted()
        if any(wanted.get(kind) != place for kind, place in places.items()):
            self._want({**wanted, **places})
        if not self.answers():
            self._start(release)
        for kind, place in places.items():
            self._open(kind, place)

    def reopen(self, releases: Mapping[str, int]) -> None:
        """Have everything held again that is to be; `releases` are those of the types that run."""
        wanted = {kind: place for kind, place in self.wanted().items() if kind in releases}
        if not wanted or (self.answers() and set(self._ask("list")["held"]) >= set(wanted)):
            return
        with contextlib.suppress(RunFailed):  # `open` says it again before a process is started that needs it
            self.open(wanted, releases[next(iter(wanted))])

    def close(self, kinds: set[str]) -> None:
        """Hold the sockets of these types no longer; a holder that has none left ends."""
        wanted = self.wanted()
        if not kinds & set(wanted):
            return
        left = {kind: place for kind, place in wanted.items() if kind not in kinds}
        self._want(left)
        if not left:
            self.end()
        elif self.answers():
            for kind in kinds:
                self._ask(f"close {kind}")

    def end(self) -> None:
        """End the holder; all its sockets are closed."""
        told = False
        with contextlib.suppress(OSError, ValueError):
            told = bool(self._ask("end"))
        if not until(lambda: not self.pids(), PATIENCE if told else 0):
            until(self._killed, PATIENCE)

    def answers(self) -> bool:
        """Whether it runs and answers."""
        try:
            return bool(self._ask("list"))
        except (OSError, ValueError):
            return False

    def pids(self) -> list[int]:
        """The processes of the pair."""
        return [p.pid for p in procfs.everyone() if p.alive and self._is_ours(p.pid)]

    def _is_ours(self, pid: int) -> bool:
        words = procfs.arguments(pid)
        if WORD not in words or not any(word.endswith(".pyz") for word in words):
            return False
        try:
            return os.path.samefile(f"/proc/{pid}/cwd", self._files.root)
        except OSError:
            return False

    def _open(self, kind: str, place: Place) -> None:
        address, port = place
        problem = self._ask(f"open {kind} {address} {port}")["errno"]
        if problem == errno.EADDRINUSE:
            taken = stolen.back(str(self._files.root), port)
            if taken is not None:
                with taken:
                    problem = self._ask(f"adopt {kind} {address} {port}", taken.fileno())["errno"]
        if problem:
            owner = sockets.owner(port)
            who = f"pid {owner[0]} ({owner[1]})" if owner and owner[0] else "another program"
            raise RunFailed(
                f"port {port}, which the socket of {kind} has, cannot be had: {os.strerror(problem)} ({who})",
                hint=f"stop it, or `deploy stop` and `deploy start` where it is a process of this app; "
                f"`processes.{kind}.port` in deploy.yaml is another port",
            )

    def _start(self, release: int) -> None:
        until(self._killed, PATIENCE)  # those that hang
        point("holder.start")
        subprocess.Popen(
            [interpreter(), "-IS", f"releases/v{release}/agent.pyz", WORD, str(self._files.root)],
            cwd=self._files.root,
            env={"PATH": PATH, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
        )
        point("holder.started")
        if not until(self.answers, PATIENCE):
            raise RunFailed(f"the holder of the sockets of {self._files.root} does not start")

    def _killed(self) -> bool:
        found = self.pids()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    def _ask(self, line: str, descriptor: Optional[int] = None) -> dict[str, Any]:
        directory, address = near(str(self._files.root), CONTROL)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
                asker.settimeout(PATIENCE)
                asker.connect(address)
                socket.send_fds(asker, [f"{line}\n".encode()], [] if descriptor is None else [descriptor])
                with asker.makefile("rb") as answer:
                    return dict(json.loads(answer.readline()))
        finally:
            os.close(directory)

    def _want(self, places: Mapping[str, Place]) -> None:
        durable.write(self._files.root / WANTED, json.dumps(places).encode(), mode=0o600, name="holder.wanted")
