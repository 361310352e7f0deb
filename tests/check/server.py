"""A small app that keeps every rule: `server.py web`, `worker`, or `release`, which may be run again."""

import http.server
import os
import signal
import sys
import threading
import time

kind = sys.argv[1]


def say(text):
    print(f"{kind}: {text}", flush=True)  # noqa: T201


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.5)
        body = b"ok\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.daemon_threads = False  # so that closing it waits for the requests under way
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    say("listens")
    when_it_is_up()
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    say("stops")


def work():
    say("works")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        time.sleep(1)


def at_its_start():
    """What it does at its start."""


def when_it_is_up():
    """What it does when it is up."""


if kind == "release":
    os.makedirs(os.path.join(os.environ["DATA_DIR"], "tables"), exist_ok=True)
    say("migrates")
else:
    if kind == "web":
        at_its_start()
    {"web": serve, "worker": work}[kind]()
