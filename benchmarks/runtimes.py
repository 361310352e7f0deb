"""`python -m benchmarks.runtimes [SUITE…]`: operators' interpreters x stock hosts x ordinary apps.

A Flask app, a Django project and an Express app are shipped by an operator whose app asks for Python 3.11, 3.12 or 3.13
(Node is the one of this machine) to hosts of Debian 11, 12 and 13 without Node.  It prints what was chosen, what was
sent, how long it took and whether it answers.  As root on Debian; Ubuntu's archives are no Debian's, so it is not here.
uv cannot reach its standalone builds everywhere: `--python VERSION=ARCHIVE` offers one of your own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.apps.repository import commit
from tests.e2e.deployed import Deployed
from tests.fleet import inside
from tests.lab.host import Host
from tests.lab.lab import SUITES, Lab

PYTHONS = ("3.11", "3.12", "3.13")
FLASK = """\
import sys
from flask import Flask
app = Flask(__name__)
@app.get("/")
def hello():
    return sys.version.split()[0]
"""
EXPRESS = """\
const app = require('express')();
app.get('/', (_, answer) => answer.send(process.versions.node));
app.listen(process.env.PORT);
"""
VIEW = """\
import sys
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda _: HttpResponse(sys.version.split()[0]))]
"""
SETTINGS = """\
app: NAME
processes: {web: {port: PORT, boot_timeout: 60s, healthy_time: 1s, stop_timeout: 2s}}
config: {}
targets: {production: {user: root, hosts: [HOST], formation: {web: 1}}}
"""


@dataclass(frozen=True)
class Row:
    """One ship."""

    host: str
    app: str
    asked: str
    chosen: str
    megabytes: float
    seconds: float
    again: float
    answer: str

    def shown(self) -> str:
        """A line of the table."""
        figures = f"{self.megabytes:.1f} | {self.seconds:.0f} | {self.again:.0f}"
        return f"| {self.host} | {self.app} | {self.asked} | {self.chosen} | {figures} | {self.answer} |"


def flask(folder: Path) -> None:
    """As the first page of its documentation has it."""
    (folder / "app.py").write_text(FLASK)
    (folder / "requirements.txt").write_text("flask\ngunicorn\n")
    (folder / "Procfile").write_text("web: gunicorn app:app\n")


def django(folder: Path) -> None:
    """As `startproject` lays it out, with a view."""
    site = folder / "site1"
    site.mkdir()
    (site / "__init__.py").touch()
    (site / "urls.py").write_text(VIEW)
    (site / "settings.py").write_text(
        'SECRET_KEY = "x"\nDEBUG = False\nALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "site1.urls"\n'
        'WSGI_APPLICATION = "site1.wsgi.application"\nSTATIC_ROOT = "static"\nSTATIC_URL = "/static/"\n'
    )
    line = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\n'
    (site / "wsgi.py").write_text(
        f"{line}from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    (folder / "manage.py").write_text(
        f"{line}import sys\nfrom django.core import management\nmanagement.execute_from_command_line(sys.argv)\n"
    )
    (folder / "requirements.txt").write_text("django\ngunicorn\n")
    (folder / "Procfile").write_text("web: gunicorn site1.wsgi\n")


def express(folder: Path) -> None:
    """As its own "hello world"."""
    (folder / "server.js").write_text(EXPRESS)
    package = {
        "name": "x",
        "version": "1.0.0",
        "scripts": {"start": "node server.js"},
        "dependencies": {"express": "^4"},
    }
    (folder / "package.json").write_text(json.dumps(package))
    subprocess.run(["npm", "install", "--package-lock-only", "--silent"], cwd=folder, check=True)


APPS = {"Flask": flask, "Django": django, "Express": express}


class Operator(Deployed):
    """One app of one operator, and the host that it goes to."""

    def __init__(self, lab: Lab, host: Host, folder: Path, kind: str, python: str, port: int) -> None:
        name = f"{kind}{python.replace('.', '')}".lower()
        super().__init__(folder / host.name / name, folder / "home", name, port)
        self.host, self.kind, self.python = host, kind, python
        self.folder.mkdir(parents=True)
        (self.home / ".ssh").mkdir(parents=True, exist_ok=True)
        shutil.copy(lab.ssh_config, self.home / ".ssh" / "config")
        APPS[kind](self.folder)
        if python:
            (self.folder / ".python-version").write_text(f"{python}\n")
        text = SETTINGS.replace("NAME", name).replace("PORT", str(port)).replace("HOST", host.name)
        (self.folder / "deploy.yaml").write_text(text)

    def ship(self) -> Row:
        """Ship it, and once more with a change."""
        commit(self.folder)
        begun = time.monotonic()
        done = self.run("ship")
        seconds = time.monotonic() - begun
        sent = sum(float(found) for found in re.findall(r"sending \d+ files, ([\d.]+) MB \.\.\. ", done.err))
        answer = inside.get(self.host, self.port) if done.code == 0 else None
        (self.folder / "CHANGED").write_text("a change\n")
        commit(self.folder)
        begun = time.monotonic()
        if done.code == 0:
            self.deploy("ship")
        again = time.monotonic() - begun
        carried = any((self.host.root / "srv" / self.app).glob("runtimes/*"))
        whose = "brought along" if carried else "the host's own"
        chosen = f"{answer}, {whose}" if answer else f"refused ({done.code})"
        if done.code:
            print(done.err, file=sys.stderr)
        self.run("stop")
        asked = self.python and f"Python {self.python}"
        return Row(self.host.name, self.kind, asked or "Node 20", chosen, sent, seconds, again, answer or "none")


def offered(folder: Path, archives: list[str]) -> dict[str, str]:
    """The variable by which uv finds these archives (`3.13.0=FILE`), and no others."""
    entries = {}
    for each in archives:
        version, _, path = each.partition("=")
        major, minor, patch = map(int, version.split("."))
        archive = Path(path).resolve()
        entries[f"cpython-{version}-linux-x86_64-gnu"] = {
            "name": "cpython", "arch": {"family": os.uname().machine, "variant": None}, "os": "linux", "libc": "gnu",
            "major": major, "minor": minor, "patch": patch, "prerelease": "", "url": archive.as_uri(),
            "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "variant": None, "build": "1",
        }  # fmt: skip
    (folder / "list.json").write_text(json.dumps(entries))
    return {"UV_PYTHON_DOWNLOADS_JSON_URL": (folder / "list.json").as_uri()} if archives else {}


def main() -> None:
    """Ship, and print the table row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes", description=__doc__)
    parser.add_argument("suites", nargs="*", default=list(SUITES), help=f"of {', '.join(SUITES)}")
    parser.add_argument("--python", action="append", default=[], metavar="VERSION=ARCHIVE")
    parser.add_argument("--apps", default=",".join(APPS), help="default: %(default)s")
    asked = parser.parse_args()
    print("| host | app | asks for | what runs it | MB sent | s, first ship | s, next ship | answers |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as scratch, Lab(f"rt{os.getpid() % 1000}") as lab:
        folder, port = Path(scratch), 7000
        offer = offered(folder, asked.python)
        for suite in asked.suites:
            host = lab.hosts(1, suite=suite)[0]
            for kind in asked.apps.split(","):
                for python in ("",) if kind == "Express" else PYTHONS:
                    port += 100
                    operator = Operator(lab, host, folder, kind, python, port)
                    operator.env.update(offer)
                    row = operator.ship()
                    print(row.shown(), flush=True)


if __name__ == "__main__":
    main()
