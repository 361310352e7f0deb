"""An answer that has no end keeps nobody waiting."""

import http.server
import threading
import time

import pytest

from deployer.stages.check import under_way


class Endless(http.server.BaseHTTPRequestHandler):
    """Sends something every 50 ms, for as long as somebody listens."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        while True:
            try:
                self.wfile.write(b"data: still here\n\n")
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


def test_a_path_whose_answer_has_no_end_is_none_to_ask_for(endless):
    assert under_way.slowest("127.0.0.1", endless, ["/"], 0.5) == ("", 0.0)


def test_callers_give_up_an_answer_that_has_no_end(endless):
    callers = under_way.Callers("127.0.0.1", endless, "/", 0.5)
    callers.end()
    begun = time.monotonic()
    callers.join()
    assert time.monotonic() - begun < 5
