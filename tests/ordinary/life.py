"""The first week of an app: what every command ends with, what serves after it, and how many requests were lost."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.apps import commit
from tests.e2e.deployed import Deployed, Result

from .apps import ANSWERING_500, CRASHING, GOOD, UNIMPORTABLE, WRONG_PORT, App, lock

STEPS = ("init", "ship", "change", UNIMPORTABLE, WRONG_PORT, CRASHING, ANSWERING_500, "rollback", "config set --run")
PAUSE, PATIENCE = 0.03, 5.0  # seconds


@dataclass
class Step:
    """How one command of the app's life ended: exit code, what its page said then, requests lost of those sent."""

    name: str
    code: int
    serves: str
    lost: int = 0
    sent: int = 0
    seconds: float = 0.0
    said: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.serves or '-'}" + (f" {self.lost}/{self.sent}" if self.sent else "")


@dataclass
class Life:
    """An app on its way through the steps."""

    app: App
    deployed: Deployed
    steps: list[Step] = field(default_factory=list)

    def live(self) -> list[Step]:
        """Every step, one after the other."""
        self._write("one")
        lock(self.deployed.folder)
        commit(self.deployed.folder, "one")
        if (self.deployed.folder / "deploy.yaml").exists():
            self.steps.append(Step("init", 0, ""))
        else:
            self._step("init", lambda: self.deployed.run("init"))
            commit(self.deployed.folder, "init")
        self._step("ship", self._first)
        self._step("change", lambda: self._ship("two"))
        for way in (UNIMPORTABLE, WRONG_PORT, CRASHING, ANSWERING_500):
            if way in self.app.broken:
                self._step(way, lambda way=way: self._ship(f"three {way}", way))
        self._write("two")
        commit(self.deployed.folder, "as it was")
        self._step("rollback", lambda: self.deployed.run("rollback"))
        self._step("config set --run", lambda: self.deployed.run("config", "set", "GREETING=hello", "--run"))
        return self.steps

    def _first(self) -> Result:
        """The first ship; once more where another program of this busy machine was given the port a moment before."""
        ended = self.deployed.run("ship")
        return self.deployed.run("ship") if ended.code == 30 and "is held by" in ended.err else ended

    def _write(self, text: str, way: str = GOOD) -> None:
        self.app.write(self.deployed.folder, text, way)

    def _ship(self, text: str, way: str = GOOD) -> Result:
        self._write(text, way)
        commit(self.deployed.folder, text)
        return self.deployed.run("ship")

    def _step(self, name: str, command: Callable[[], Result]) -> None:
        with Stream(self._port()) as stream:
            begun = time.monotonic()
            ended = command()
            took = time.monotonic() - begun
        ours = [line for line in ended.err.splitlines() if not line.startswith("  |")]
        assert ended.code != 1, ended.err
        assert not any("Traceback" in line for line in ours), ended.err
        step = Step(name, ended.code, self._page(), stream.lost, stream.sent, took, ended.err)
        self.steps.append(step)

    def _port(self) -> int:
        if not self.app.serves:
            return 0
        told = self.deployed.run("ps", "--json")
        rows = told.document.get("processes", []) if told.code == 0 else []
        return next((row["port"] for row in rows if row.get("port")), 0)

    def _page(self) -> str:
        """What the front page says, or what the loop prints; '' where nothing answers."""
        if not self.app.serves:
            return self.deployed.run("logs", "-n", "1", "worker").out.strip().rpartition("| ")[2]
        try:
            status, body = ask(self._port())
        except OSError:
            return ""
        return body.strip().removeprefix("<h1>").removesuffix("</h1>") if status == 200 else str(status)


class Stream:
    """A visitor who asks for the front page again and again; one request at a time, each on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port, self.sent, self.lost = port, 0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def __enter__(self) -> Self:
        if self.port:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self.port:
            self._thread.join(PATIENCE * 2)

    def _visit(self) -> None:
        while not self._over.wait(PAUSE):
            self.sent += 1
            try:
                ask(self.port)
            except OSError:
                self.lost += 1


def ask(port: int) -> tuple[int, str]:
    """Status and body of the front page; `OSError` where nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
