"""An answer that has no end keeps nobody waiting, and half an answer is none."""

import http.server
import threading
import time

import pytest

from deployer.stages.check import under_way

HALVES = {
    "/known": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
}
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
ENDLESS = {"/": b"HTTP/1.1 200 OK\r\n\r\n", "/head": b"HTTP/1.1 200 OK\r\nX-Head: "}


class Endless(http.server.BaseHTTPRequestHandler):
    """Sends something every 50 ms, for as long as somebody listens; half an answer where it is asked for that."""

    def do_GET(self):
        if self.path not in ENDLESS:
            self.wfile.write(HALVES.get(self.path, WHOLE))
            return
        self.wfile.write(ENDLESS[self.path])
        while True:
            try:
                self.wfile.write(b"data: still here")
            except OSError:
                return
            time.sleep(0.05)

    def log_message(self, *_):
        pass


@pytest.fixture
def endless():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ENDLESS)
def test_a_path_whose_answer_has_no_end_is_none_to_ask_for(endless, path):
    assert under_way.slowest("127.0.0.1", endless, [path], 0.5) == ("", 0.0)


@pytest.mark.parametrize("path", HALVES)
def test_half_an_answer_is_told_from_a_whole_one(endless, path):
    assert under_way.slowest("127.0.0.1", endless, [path], 5) == ("", 0.0)
    assert under_way.slowest("127.0.0.1", endless, [path, "/whole"], 5)[0] == "/whole"


def test_callers_give_up_an_answer_that_has_no_end(endless):
    callers = under_way.Callers("127.0.0.1", endless, "/", 0.5)
    callers.end()
    begun = time.monotonic()
    callers.join()
    assert time.monotonic() - begun < 5
