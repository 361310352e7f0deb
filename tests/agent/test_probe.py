"""What counts as an answer?  Asked of real sockets, on which anything may be said."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from deployer.agent.probe import Probe
from deployer.core.health import Check, check_of
from deployer.core.manifest import ProcessType
from deployer.core.routing import CADDY, Router

from .releases import wait_for

ANY, STRICT = Check("/", "localhost", lenient=True), Check("/up", "localhost")


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], None], family: int = socket.AF_INET) -> Iterator[tuple[str, int]]:
    """A server that gives every connection to `answer`, and closes it then; where it is."""
    with socket.socket(family) as server:
        server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def saying(*parts: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return answer


def asked(server: tuple[str, int], check: Check = ANY, seconds: float = 10) -> Probe:
    probe = Probe(*server, check, seconds=seconds)
    wait_for(lambda: probe.answer)
    return probe


@pytest.mark.parametrize(
    ("parts", "lenient", "strict"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], True, True),
        ([b"HTTP/1.0 200 OK\r\n\r\nok"], True, True),
        ([b"HTTP/1.1 204\r\n\r\n"], True, True),
        ([b"HTTP/1.1 200 OK\nServer: old\n\nok"], True, True),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], True, True),
        ([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 8192] * 32], True, True),
        ([b"HT", b"TP/1", b".1 20", b"0 OK\r\n", b"\r\n"], True, True),
        ([b"HTTP/1.1 301 Moved\r\nLocation: https://shop.example.com/\r\n\r\n"], True, True),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], True, True),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\n"], False, False),
        ([b"HTTP/1.1 404 Not Found\r\n\r\n"], True, False),
        ([b"HTTP/1.1 401 Unauthorized\r\n\r\n"], True, False),
        ([b"HTTP/1.1 500 Error\r\n\r\n"], False, False),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], False, False),
        ([b"<html>hello</html>"], False, False),
        ([b"-ERR unknown command 'GET'\r\n"], False, False),
        ([b"\x00\xff\xfe" * 100], False, False),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], False, False),
        ([], False, False),
    ],
    ids=lambda value: repr(value[0][:28]) if isinstance(value, list) and value else "",
)
def test_an_answer_is_judged_by_its_status_alone(parts, lenient, strict):
    with answering(saying(*parts, pause=0.01 if len(parts) == 5 else 0)) as server:
        assert asked(server).passed is lenient
        assert asked(server, STRICT).passed is strict


def test_who_answers_slowly_is_waited_for_as_long_as_there_is_time():
    def slowly(connection: socket.socket) -> None:
        time.sleep(1)
        saying(b"HTTP/1.1 200 OK\r\n\r\n")(connection)

    with answering(slowly) as server:
        assert asked(server).passed
        late = asked(server, STRICT, 0.3)
        assert not late.passed
        assert late.answer == "did not answer at /up within 0.3 s"


def test_an_answer_that_never_ends_is_not_waited_for():
    def endless(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"4\r\ndata\r\n")
            time.sleep(0.01)

    with answering(endless) as server:
        begun = time.monotonic()
        assert asked(server).passed
        assert time.monotonic() - begun < 2


def test_a_server_of_ipv6_alone_is_asked_there():
    with answering(saying(b"HTTP/1.1 200 OK\r\n\r\n"), socket.AF_INET6) as server:
        assert asked(server).passed


def test_what_speaks_no_http_is_told_with_what_it_said():
    with answering(saying(b"-ERR unknown command\r\n")) as server:
        probe = asked(server)
    assert probe.foreign
    assert probe.answer == f"does not speak HTTP on port {server[1]} (it said '-ERR unknown command')"


def test_what_speaks_tls_is_told_so(tmp_path):
    pem = tmp_path / "pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop", "-batch"]
    subprocess.run([*request, "-keyout", pem, "-out", tmp_path / "crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", pem)

    def secured(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(4096)

    def polite(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) != b"\x16":
            saying(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")(connection)
        else:
            secured(connection)

    for answer in (secured, polite):
        with answering(answer) as server:
            probe = asked(server)
        assert probe.foreign
        assert not probe.passed
        assert probe.answer == f"speaks TLS on port {server[1]}, where plain HTTP is asked"


def test_the_request_has_the_host_and_the_headers_that_were_said():
    heard: list[bytes] = []

    def listening(connection: socket.socket) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    check = Check("/up", "shop.example.com", (("X-Forwarded-Proto", "https"), ("user-agent", "probe/1")))
    with answering(listening) as server:
        probe = asked(server, check)
    assert heard[0].decode().split("\r\n") == [
        "GET /up HTTP/1.1",
        "Host: shop.example.com",
        "Accept: */*",
        "Accept-Encoding: identity",
        "X-Forwarded-Proto: https",
        "user-agent: probe/1",
        "Connection: close",
        "",
        "",
    ]
    assert probe.answer == "answered 400 at /up (asked with Host: shop.example.com)"


def web(**fields) -> ProcessType:
    return ProcessType("web", "serve", **{"binds_port": True, "expose": "http", **fields})


@pytest.mark.parametrize(
    ("kind", "router", "path", "host"),
    [
        (web(), Router(), "/", "localhost"),
        (web(health="/up"), Router(), "/up", "localhost"),
        (web(health="/up", health_host="a.example.com"), Router(CADDY, ("b.example.com",)), "/up", "a.example.com"),
        (web(), Router(CADDY, ("b.example.com", "c.example.com")), "/", "b.example.com"),
        (web(), Router(CADDY, ("b.example.com",), type="api"), "/", "localhost"),
        (web(), Router(CADDY, port=8080), "/", "localhost"),
        (web(health="/up", expose=""), Router(CADDY, ("b.example.com",)), "/up", "localhost"),
        (web(expose=""), Router(), None, None),
        (web(health="tcp"), Router(), None, None),
        (web(health="notify"), Router(), None, None),
        (web(expose="tcp"), Router(), None, None),
        (web(expose="port"), Router(), None, None),
        (web(expose="port"), Router(CADDY, ("b.example.com",)), "/", "b.example.com"),
        (ProcessType("worker", "work"), Router(), None, None),
    ],
)
def test_a_type_is_asked_as_its_visitors_would_ask(kind, router, path, host):
    check = check_of(kind, router)
    assert (check.path, check.host) == (path, host) if path else check is None
    secure = ("X-Forwarded-Proto", "https")
    assert (secure in check.headers if check else False) == bool(host and host.endswith(".com"))
