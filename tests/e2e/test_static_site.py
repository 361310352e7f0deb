"""A folder with an index.html: `deploy init && deploy ship` ends with a URL that answers."""

import hashlib
import re
import socket
import threading
import urllib.error
import urllib.request

import pytest

from tests.apps.repository import commit

from .deployed import Deployed

PAGE = "<h1>hello</h1>"


@pytest.fixture
def site(tmp_path, port):
    """A folder with a page, and its operator; nothing runs yet."""
    folder = tmp_path / "my site"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    (folder / "a.css").write_text("a{color:red}")
    commit(folder, "A page")
    one = Deployed(folder, tmp_path / "home", "my-site", port)
    one.home.mkdir()
    one.leave_first_ports()
    yield one
    one.end()


def ask(url, **headers):
    """Status, headers and body."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, ""


class Visitors:
    """Ask for a page again and again, each time on a new connection, until told to stop."""

    def __init__(self, url):
        self.answers, self.failures, self._stop, self._url = set(), [], threading.Event(), url
        self._thread = threading.Thread(target=self._visit)

    def _visit(self):
        while not self._stop.is_set():
            try:
                self.answers.add(ask(self._url)[2])
            except OSError as error:
                self.failures.append(error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_a_folder_with_a_page_is_served_over_ships_and_a_rollback_and_no_visitor_is_turned_away(site):
    site.deploy("init")
    commit(site.folder, "How it is deployed")
    shipped = site.run("ship")
    assert shipped.code == 0, shipped.err
    url = re.search(r"v1 is live: (\S+)", shipped.err).group(1)
    status, headers, body = ask(url)
    assert (status, body, headers["Content-Type"]) == (200, PAGE, "text/html; charset=utf-8")
    assert headers["ETag"] == f'"{hashlib.sha256(PAGE.encode()).hexdigest()[:32]}"'
    assert [ask(f"{url}/{path}")[0] for path in ("a.css", "deploy.yaml", ".gitignore", "none")] == [200, 404, 404, 404]
    (site.folder / "index.html").write_text("<h1>later</h1>")
    (site.folder / "404.html").write_text("gone")
    commit(site.folder, "Another page")
    with Visitors(url) as visitors:
        assert site.json("ship")["urls"] == [url]
        assert ask(url, If_None_Match=headers["ETag"])[2] == "<h1>later</h1>"
        site.deploy("rollback")
    assert (visitors.answers, visitors.failures) == ({PAGE, "<h1>later</h1>"}, [])
    assert ask(url, If_None_Match=headers["ETag"])[0] == 304
    assert site.differences() == []


def test_a_site_below_a_folder_is_checked_and_runs_from_the_work_tree(site, port):
    (site.folder / "dist").mkdir()
    for name in ("index.html", "a.css"):
        (site.folder / name).rename(site.folder / "dist" / name)
    (site.folder / "deploy.yaml").write_text("app: my-site\nbuild: {static: {fallback: index.html}}\n")
    commit(site.folder, "Built elsewhere")
    assert [row for row in site.json("check")["checks"] if row["result"] == "fail"] == []
    development = site.start("dev", "-p", str(port))
    try:
        for _ in development.stdout:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        assert ask(f"http://127.0.0.1:{port}/orders/7")[2] == PAGE
    finally:
        development.terminate()
        development.communicate(timeout=20)
