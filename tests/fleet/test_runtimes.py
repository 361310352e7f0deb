"""Ordinary apps on a stock host: which interpreter runs them, what is sent for it, and what is refused before a build.

The host is Debian 12 as it is installed: Python 3.11.2, no Node.js.
"""

import hashlib
import json
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from tests.apps.repository import commit
from tests.e2e.deployed import Deployed, eventually

from . import inside

PORT = 7100
SERVER = """\
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{sys.version.split()[0]} {sys.base_prefix}".encode())
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Answer).serve_forever()
"""
NODE = """\
const say = process.version + ' ' + process.execPath
require('http').createServer((_, answer) => answer.end(say)).listen(process.env.PORT)
"""
SETTINGS = """\
app: APP
build: {BUILD}
processes: {web: {port: PORT, boot_timeout: 30s, stop_timeout: 2s, healthy_time: 300ms}}
targets: {production: {user: root, hosts: [web1], formation: {web: 1}, keep: 1}}
"""


def sent(told):
    """What was sent, in files: a runtime and a build are one each."""
    return re.findall(r"sending (\d+) files, [\d.]+ MB \.\.\. [\d.]+ s", told)


class App(Deployed):
    """An app and its operator; `host` is where it runs."""

    def __init__(self, lab, host, folder, name, port, **files):
        super().__init__(folder / name, folder / "home", name, port)
        self.host = host
        self.folder.mkdir(parents=True)
        (self.home / ".ssh").mkdir(parents=True, exist_ok=True)
        shutil.copy(lab.ssh_config, self.home / ".ssh" / "config")
        for path, text in files.items():
            (self.folder / path.replace("_", ".")).write_text(text)
        self.settings("pack: auto")

    def settings(self, build):
        text = SETTINGS.replace("APP", self.app).replace("PORT", str(self.port)).replace("BUILD", build)
        (self.folder / "deploy.yaml").write_text(text)
        commit(self.folder)

    def ship(self, code=0):
        """What `deploy ship` told on stderr."""
        done = self.run("ship")
        assert done.code == code, done.err
        return done.err

    def answer(self):
        return eventually(lambda: inside.get(self.host, self.port), seconds=20, what="an answer")

    @property
    def runtimes(self):
        return sorted(path.name for path in (self.host.root / "srv" / self.app / "runtimes").glob("*"))


@pytest.fixture(scope="module")
def host(lab):
    return lab.fresh_hosts(1)[0]


@pytest.fixture(scope="module")
def python(lab, host, tmp_path_factory):
    files = {"requirements_txt": "", "Procfile": "web: python serve.py\n", "serve_py": SERVER}
    app = App(lab, host, tmp_path_factory.mktemp("python"), "hello", PORT, **files)
    app.env["UV_PYTHON_INSTALL_MIRROR"] = "file:///nonexistent"  # offline: no test asks the net for a Python
    yield app
    app.run("stop")


def standalone(folder):
    """Debian's own Python as uv would get it: an archive and the list that names it.  It runs from any folder."""
    root = folder / "made" / "python"
    shutil.copytree("/usr/lib/python3.11", root / "lib" / "python3.11", symlinks=False, ignore_dangling_symlinks=True,
                    ignore=shutil.ignore_patterns("__pycache__", "test", "config-*", "dist-packages"))  # fmt: skip
    (root / "bin").mkdir()
    shutil.copy("/usr/bin/python3.11", root / "bin" / "python3.11")
    archive = folder / "cpython.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        packed.add(root, "python")
    version = "3.11.2"
    entry = {
        "name": "cpython", "arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu", "major": 3,
        "minor": 11, "patch": 2, "prerelease": "", "url": archive.as_uri(), "variant": None, "build": "1",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }  # fmt: skip
    (folder / "list.json").write_text(json.dumps({f"cpython-{version}-linux-x86_64-gnu": entry}))
    return (folder / "list.json").as_uri()


def test_a_build_is_matched_to_what_the_host_has_and_it_is_said_why(python):
    """No Python can be brought along here: one of this machine is taken that the host has, too."""
    told = python.ship()
    assert python.answer().startswith("3.11.2 /usr")
    assert "packing (python)" in told
    if sys.version_info[:2] > (3, 11):
        assert "is used, which the hosts have: " in told


def test_what_fits_nobody_is_refused_before_anything_is_built_with_the_line_to_write(python):
    (python.folder / ".python-version").write_text("3.12\n")
    python.settings("pack: auto, runtime: host")
    told = python.ship(code=20)
    assert "packing" not in told
    assert ".python-version asks for Python ==3.12; this machine has " in told
    assert "web1 has 3.11.2" in told
    assert 'build: {python: {version: "3.11"}}' in told
    (python.folder / ".python-version").unlink()


@pytest.mark.skipif(not Path("/usr/lib/python3.11").is_dir(), reason="no Python of Debian 12 here, which can be moved")
def test_a_python_that_a_build_brings_along_is_sent_once_and_goes_when_nothing_names_it(python, tmp_path):
    python.env["UV_PYTHON_DOWNLOADS_JSON_URL"] = standalone(tmp_path)
    del python.env["UV_PYTHON_INSTALL_MIRROR"]
    python.settings("pack: auto, runtime: vendored")
    told = python.ship()
    assert "getting CPython 3.11.2" in told
    assert len(sent(told)) == 2
    (runtime,) = python.runtimes
    assert python.answer() == f"3.11.2 /srv/hello/runtimes/{runtime}"
    (python.folder / "serve.py").write_text(SERVER + "# changed\n")
    python.settings("pack: auto, runtime: vendored")
    told = python.ship()
    assert "getting CPython" not in told
    assert len(sent(told)) == 1  # the app alone
    assert python.runtimes == [runtime]
    python.deploy("verify")
    program = python.host.root / "srv/hello/runtimes" / runtime / "lib/python3.11/os.py"
    program.chmod(0o644)
    program.write_text(program.read_text() + "\n# altered\n")
    assert "runtimes/" in python.run("verify").out
    for text in ("once", "twice"):  # and what went before leaves what is kept
        (python.folder / "serve.py").write_text(SERVER + f"# {text}\n")
        python.settings("pack: auto, runtime: host")
        python.ship()
    python.deploy("prune")
    assert python.runtimes == []
    assert python.answer().startswith("3.11.2 /usr")


@pytest.mark.registry
@pytest.mark.slow
@pytest.mark.needs("node")
def test_a_node_app_runs_on_a_host_that_has_no_node(lab, host, tmp_path):
    """Its start needs npm, which comes along, too."""
    package = {"name": "x", "version": "1.0.0", "scripts": {"prestart": "true", "start": "node server.js"}}
    app = App(lab, host, tmp_path, "express", PORT + 100, package_json=json.dumps(package), server_js=NODE)
    told = app.ship()
    assert len(sent(told)) == 2
    (runtime,) = app.runtimes
    version, _, program = app.answer().partition(" ")
    assert program == f"/srv/express/runtimes/{runtime}/bin/node"
    assert version.startswith("v")
    app.run("stop")
