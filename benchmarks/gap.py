"""How long does an app that binds its port itself refuse requests while it is replaced?  Seen by a visitor.

Restarts of ordinary apps as their frameworks' first pages have them: each binds PORT, and no router is in front.  A
visitor connects all the time; what is measured is the time from the first connection that is refused to the next one
that is answered, beside what `deploy` says before (`times.gap` of the runs) and the app's own boot.
"""

import http.client
import shutil
import threading
import time
from pathlib import Path
from typing import Self

from benchmarks.operators import operator
from benchmarks.results import Line
from tests.apps.repository import commit
from tests.e2e.deployed import Deployed
from tests.ordinary.apps import ALL, lock

APPS = ("python script", "Flask, flask run", "Express, npm start", "Go")
PAUSE = 0.002  # seconds between two requests
PATIENCE = 5.0


class Visitor:
    """Asks for the front page all the time; `gaps` are the stretches in which nobody answered, in seconds."""

    def __init__(self, port: int) -> None:
        self.port, self.gaps = port, list[float]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._visit)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _visit(self) -> None:
        since: float | None = None
        while not self._over.wait(PAUSE):
            begun = time.monotonic()
            if self._answers():
                if since is not None:
                    self.gaps.append(time.monotonic() - since)
                since = None
            elif since is None:
                since = begun

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """The apps of which this machine has the program."""
    lines = []
    for app in ALL:
        if app.name in APPS and all(map(shutil.which, app.needs)):
            place = folder / app.name.replace(" ", "-").replace(",", "")
            place.mkdir()
            app.write(place, "one")
            lock(place)
            if not (place / "deploy.yaml").exists():
                (place / "deploy.yaml").write_text("app: ordinary\n")
            commit(place, "one")
            one = operator(place, folder / f"home-{place.name}", "ordinary")
            try:
                lines += _lines(app.name, one, rounds or 5)
            finally:
                one.end()
    return lines


def _lines(name: str, one: Deployed, rounds: int) -> list[Line]:
    one.deploy("ship")
    port = one.json("ps")["processes"][0]["port"]
    gaps = []
    for _ in range(rounds):
        with Visitor(port) as visitor:
            one.deploy("restart", "web")
        gaps.append(sum(visitor.gaps))
    runs = one.json("show")["runs"]
    told = [run["times"]["gap"]["web"]["seconds"] for run in runs if run.get("times", {}).get("gap")]
    boots = [run["times"]["ready"]["web"]["seconds"] for run in runs if run.get("times", {}).get("ready")]
    return [
        Line(f"{name}: boot, until the first answer", boots),
        Line(f"{name}: refused at a restart, as a visitor sees it", gaps),
        Line(f"{name}: the same as the run has it", told),
    ]
