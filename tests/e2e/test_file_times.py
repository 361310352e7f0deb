"""A returning visitor never keeps an old file: times of files over ships, a rollback, and files that change places."""

import os
import sys
import urllib.error
import urllib.request

import pytest

from deployer.agent.objects import MARK, SECOND
from tests.apps.repository import commit

from .deployed import Deployed

# The server that compares times alone, and by `<=`: the strictest of all.
SERVER = """\
import http.server, os, sys
os.chdir("public")
class Quiet(http.server.SimpleHTTPRequestHandler):
    log_message = lambda *_: None
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Quiet).serve_forever()
"""
SETTINGS = """\
app: site
build: {{pack: commands, commands: ["true"]}}
processes:
  web: {{command: '{python} -I -S server.py', port: {port}, boot_timeout: 20s, stop_timeout: 2s, healthy_time: 100ms}}
"""


@pytest.fixture
def site(tmp_path, port):
    folder = tmp_path / "app"
    (folder / "public").mkdir(parents=True)
    (folder / "server.py").write_text(SERVER)
    python = getattr(sys, "_base_executable", sys.executable)
    (folder / "deploy.yaml").write_text(SETTINGS.format(port=port, python=python))
    one = Deployed(folder, tmp_path / "home", "site", port)
    one.home.mkdir()
    yield one
    one.end()


def write(site, **files):
    """Other contents of files in the site, committed."""
    for name, text in files.items():
        (site.folder / "public" / f"{name}.css").write_text(text)
    commit(site.folder, f"{files}")


class Visitor:
    """A browser: it keeps what it has seen, and asks by its date whether that is the newest."""

    def __init__(self, site):
        self._site, self._kept, self.sent = site, {}, 0

    def sees(self, name="a"):
        when = self._kept[name][1] if name in self._kept else ""
        url = f"http://127.0.0.1:{self._site.port}/{name}.css"
        request = urllib.request.Request(url, headers={"If-Modified-Since": when} if when else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                self.sent += 1
                self._kept[name] = (reply.read().decode(), reply.headers["Last-Modified"])
        except urllib.error.HTTPError as error:
            if error.code != 304:
                raise
        return self._kept[name][0]


def test_a_visitor_sees_every_change_also_one_that_is_taken_back_and_is_sent_nothing_twice(site):
    write(site, a="red", b="tan", c="same")
    site.deploy("ship")
    visitor = Visitor(site)
    assert [visitor.sees(name) for name in "abc"] == ["red", "tan", "same"]
    write(site, a="tan", b="red")  # they change places: two contents that the host has already
    site.deploy("ship")
    assert [visitor.sees(name) for name in "abc"] == ["tan", "red", "same"]
    write(site, a="sky")
    site.deploy("ship")
    assert visitor.sees() == "sky"
    site.deploy("rollback")
    assert visitor.sees() == "tan"
    site.deploy("rollback", "v3")
    assert visitor.sees() == "sky"
    write(site, a="tan")  # a revert
    site.deploy("ship")
    assert (visitor.sees(), visitor.sees("c")) == ("tan", "same")
    assert visitor.sent == 3 + 2 + 4  # what did not change was answered with 304 all the time
    assert site.differences() == []


def test_a_file_that_was_edited_is_found_by_its_time_and_what_has_none_yet_still_runs(site):
    write(site, a="red")
    site.deploy("ship")
    file = site.root / "releases" / "v1" / "app" / "public" / "a.css"
    assert file.stat().st_mtime_ns % SECOND == MARK
    os.utime(file, (0, 0))  # as releases of older versions are
    write(site, a="tan")
    site.deploy("ship")
    site.deploy("rollback")
    assert Visitor(site).sees() == "red"
    site.deploy("rollback", "v2")
    file.chmod(0o644)
    file.write_text("RED")
    file.chmod(0o444)
    refused = site.run("rollback", "v1")
    assert (refused.code, "was altered" in refused.err) == (50, True), refused.err
