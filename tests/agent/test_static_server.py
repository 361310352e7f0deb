"""The server of static files, as a real process that is asked over real connections."""

import contextlib
import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from deployer.agent import sockets
from deployer.agent.static_files import content_type, takes

BIG = bytes(range(256)) * 12000  # 3 MB: more than what fits into the buffers of a connection
HASHED = "app.3f2a9c1d.js"


def site(folder):
    """A site with everything that has to be given, and much that must not be."""
    (folder / "public" / "sub").mkdir(parents=True)
    (folder / "public" / ".well-known").mkdir()
    (folder / "public" / ".git").mkdir()
    files = {
        "index.html": b"<h1>home</h1>",
        "404.html": b"<h1>not here</h1>",
        "about.html": b"about",
        "sub/index.html": b"sub",
        "style.css": b"a{color:red}",
        HASHED: b"let a = 1;",
        "big.bin": BIG,
        "packed.js": b"let b = 2;" * 100,
        ".well-known/security.txt": b"Contact: x",
        ".env": b"SECRET=1",
        ".git/config": b"[core]",
        "na\u00efve name.txt": b"odd",
    }
    for name, content in files.items():
        (folder / "public" / name).write_bytes(content)
    (folder / "public" / "packed.js.gz").write_bytes(gzip.compress(files["packed.js"]))
    (folder / "secret.txt").write_text("secret")
    (folder / "public-too").mkdir()
    (folder / "public-too" / "x.txt").write_text("secret")
    for name, target in {
        "out.txt": "../secret.txt",
        "neighbour": "../public-too",
        "env.txt": ".env",
        "passwd": "/etc/passwd",
        "fine.css": "style.css",
        "round": "round",
    }.items():
        (folder / "public" / name).symlink_to(target)
    os.mkfifo(folder / "public" / "pipe")


class Served:
    """The server's process for the site in `folder`."""

    def __init__(self, folder, *more):
        self.port = next(port for port in range(23000 + os.getpid() % 400 * 10, 32000) if sockets.free(port))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deployer.agent", "static", "public", *more],
            cwd=folder,
            env={**os.environ, "PORT": str(self.port), "HOST": "127.0.0.1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert f"port {self.port}" in self.process.stdout.readline()

    def connection(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))

    def ask(self, path, method="GET", **headers):
        """Status, headers and body of a reply."""
        with self.connection() as connection:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()

    def raw(self, text):
        """All that is answered to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(text)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def end(self):
        self.process.terminate()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    site(folder)
    one = Served(folder)
    yield one
    assert one.end() == 0


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        ("/", 200, b"<h1>home</h1>", "text/html; charset=utf-8"),
        ("/index.html?x=1", 200, b"<h1>home</h1>", "text/html; charset=utf-8"),
        ("/sub/", 200, b"sub", "text/html; charset=utf-8"),
        ("/about", 200, b"about", "text/html; charset=utf-8"),
        ("/style.css", 200, b"a{color:red}", "text/css; charset=utf-8"),
        ("/fine.css", 200, b"a{color:red}", "text/css; charset=utf-8"),
        ("/na%C3%AFve%20name.txt", 200, b"odd", "text/plain; charset=utf-8"),
        ("/.well-known/security.txt", 200, b"Contact: x", "text/plain; charset=utf-8"),
        ("/big.bin", 200, BIG, "application/octet-stream"),
        ("/missing", 404, b"<h1>not here</h1>", "text/html; charset=utf-8"),
    ],
)
def test_a_file_is_given_with_its_type(served, path, status, body, kind):
    found = served.ask(path)
    assert (found[0], found[2], found[1]["Content-Type"]) == (status, body, kind)
    assert int(found[1]["Content-Length"]) == len(body)


@pytest.mark.parametrize(
    "path",
    [
        "/.env", "/.git/config", "/env.txt", "/out.txt", "/passwd", "/neighbour/x.txt", "/../secret.txt",
        "/%2e%2e/secret.txt", "/sub/..%2f..%2fsecret.txt", "/..\\secret.txt", "/style.css/", "/style.css%00",
        "/pipe", "/round", "/public-too/x.txt", "//etc/passwd", "/sub/%2E%2E/%2E%2E/secret.txt", "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_else_is_ever_given(served, path):
    status, _, body = served.ask(path)
    assert (status, body) == (404, b"<h1>not here</h1>")


def test_a_folder_is_sent_to_its_own_path_on_this_host(served):
    assert (served.ask("/sub?a=b c".replace(" ", "%20"))[1]["Location"]) == "/sub/?a=b%20c"
    status, headers, _ = served.ask("//sub")
    assert (status, headers["Location"]) == (301, "/sub/")  # never //host/: that would lead to another one


def test_what_a_client_has_already_is_not_sent_again(served):
    _, headers, _ = served.ask("/style.css")
    tag, when = headers["ETag"], headers["Last-Modified"]
    assert tag.startswith('"')
    for condition in ({"If_None_Match": tag}, {"If_None_Match": f'"x", W/{tag}'}, {"If_None_Match": "*"}):
        assert served.ask("/style.css", **condition)[::2] == (304, b"")
    assert served.ask("/style.css", If_Modified_Since=when)[0] == 304
    assert served.ask("/style.css", If_Modified_Since="Thu, 01 Jan 2015 00:00:00 GMT")[0] == 200
    assert served.ask("/style.css", If_Modified_Since="nonsense")[0] == 200
    assert served.ask("/style.css", If_None_Match='"x"', If_Modified_Since=when)[0] == 200  # the tag is what counts
    assert served.ask("/style.css", If_Match='"x"')[0] == 412
    assert served.ask("/style.css", method="HEAD", If_None_Match=tag)[0] == 304


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, BIG[:10]),
        ("bytes=100-", 206, BIG[100:]),
        ("bytes=-7", 206, BIG[-7:]),
        (f"bytes=5-{len(BIG) * 2}", 206, BIG[5:]),
        (f"bytes={len(BIG)}-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=9-3", 200, BIG),
        ("bytes=0-1,5-6", 200, BIG),
        ("lines=0-1", 200, BIG),
    ],
)
def test_a_range_is_given(served, asked, status, part):
    found = served.ask("/big.bin", Range=asked)
    assert (found[0], found[2]) == (status, part)
    if status == 206:
        begin = BIG.index(part) if len(part) > 300 else {"bytes=0-9": 0}.get(asked, len(BIG) - len(part))
        assert found[1]["Content-Range"] == f"bytes {begin}-{begin + len(part) - 1}/{len(BIG)}"


def test_a_range_of_what_has_changed_meanwhile_is_the_whole_file(served):
    tag = served.ask("/big.bin", method="HEAD")[1]["ETag"]
    assert served.ask("/big.bin", Range="bytes=0-9", If_Range=tag)[0] == 206
    assert served.ask("/big.bin", Range="bytes=0-9", If_Range='"older"')[0] == 200


def test_head_has_the_headers_of_get_and_no_body(served):
    with served.connection() as connection:
        for _ in range(2):  # on one connection: nothing is left in it
            connection.request("HEAD", "/big.bin")
            reply = connection.getresponse()
            assert (reply.status, reply.headers["Content-Length"], reply.read()) == (200, str(len(BIG)), b"")
        connection.request("GET", "/style.css")
        assert connection.getresponse().read() == b"a{color:red}"


def test_what_the_build_has_compressed_is_given_to_who_takes_it(served):
    plain, packed = served.ask("/packed.js"), served.ask("/packed.js", Accept_Encoding="br;q=1.0, gzip")
    assert (plain[1]["Content-Encoding"], packed[1]["Content-Encoding"]) == (None, "gzip")
    assert gzip.decompress(packed[2]) == plain[2]
    assert plain[1]["ETag"] != packed[1]["ETag"]
    assert plain[1]["Vary"] == packed[1]["Vary"] == "Accept-Encoding"
    assert packed[1]["Content-Type"] == "text/javascript; charset=utf-8"
    assert served.ask("/packed.js", Accept_Encoding="gzip;q=0")[1]["Content-Encoding"] is None


def test_only_a_name_with_a_digest_is_kept_without_asking(served):
    assert "immutable" in served.ask(f"/{HASHED}")[1]["Cache-Control"]
    assert served.ask("/style.css")[1]["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"GET http://other.example/style.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"505"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"405"),
    ],
)
def test_every_request_has_the_answer_that_http_says_and_then_its_end(served, sent, status):
    assert served.raw(sent).split(b" ", 2)[1] == status


def test_requests_that_come_at_once_are_answered_in_their_order(served):
    asked = b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"/about", b"/missing", b"/style.css"))
    told = served.raw(asked + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    places = [told.index(part) for part in (b"\r\n\r\nabout", b"<h1>not here", b"a{color:red}", b"<h1>home")]
    assert places == sorted(places)


def test_hundreds_of_slow_clients_are_in_nobodys_way(served):
    with contextlib.ExitStack() as all_of_them:
        for number in range(400):
            slow = all_of_them.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=10))
            slow.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n" if number % 4 == 0 else b"GET / HT")
        begun = time.monotonic()
        assert served.ask("/about")[2] == b"about"
        assert time.monotonic() - begun < 3


def test_it_ends_when_what_has_begun_is_answered_and_refuses_what_comes_later(tmp_path):
    site(tmp_path)
    served = Served(tmp_path)
    with served.connection() as asked, served.connection() as idle, socket.socket() as slow:
        asked.request("GET", "/about")
        assert asked.getresponse().read() == b"about"
        idle.request("GET", "/about")
        assert idle.getresponse().read() == b"about"
        slow.connect(("127.0.0.1", served.port))
        slow.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.recv(100)
        served.process.send_signal(signal.SIGTERM)
        asked.request("GET", "/style.css")
        reply = asked.getresponse()
        assert (reply.read(), reply.headers["Connection"]) == (b"a{color:red}", "close")
        deadline = time.monotonic() + 10
        while not sockets.free(served.port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slow.settimeout(10)
        rest = b"".join(iter(lambda: slow.recv(1 << 20), b""))
        assert rest.endswith(BIG[-1000:])
    assert served.process.wait(10) == 0


def test_an_app_that_routes_in_the_browser_has_its_fallback(tmp_path):
    site(tmp_path)
    served = Served(tmp_path, "--fallback", "index.html")
    try:
        assert served.ask("/orders/7")[::2] == (200, b"<h1>home</h1>")
        assert served.ask("/app.js")[::2] == (404, b"<h1>not here</h1>")  # a script that is missing is no page
    finally:
        assert served.end() == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["nowhere"], "no folder 'nowhere'"), (["public", "--fallback", "x.html"], "no file 'x.html'")],
)
def test_what_cannot_be_served_is_said(tmp_path, arguments, why):
    (tmp_path / "public").mkdir()
    command = [sys.executable, "-m", "deployer.agent", "static", *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, why in ended.stderr) == (1, True)


def test_types_do_not_depend_on_the_host():
    assert content_type("a/B.HTML") == "text/html; charset=utf-8"
    assert content_type("font.woff2") == "font/woff2"
    assert content_type("LICENSE") == "application/octet-stream"


@pytest.mark.parametrize(
    ("accepted", "taken"), [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip; q=0.0", False), ("", False), ("*", False)]
)
def test_an_encoding_is_taken_where_it_is_named(accepted, taken):
    assert takes(accepted, "gzip") is taken
