"""A server that is given its socket, and those who ask it all the time."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator

SERVER = """\
import http.server, os, signal, socket, socketserver, sys, threading, time

assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid()), dict(os.environ)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(os.environ.get("SLOW", "0")))
        nodelay = self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        text = f"{os.environ['DEPLOY_RELEASE']} {os.getpid()} {nodelay}".encode()
        self.send_response(500 if self.path == "/no" else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    pass

time.sleep(float(os.environ.get("BOOT", "0")))
server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()
"""
PROGRAM = {"server.py": SERVER}
COMMAND = "python3 -IS server.py"


def ask(port: int, path: str = "/", seconds: float = 10, host: str = "127.0.0.1") -> str:
    """What is answered, over a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@contextlib.contextmanager
def asked(port: int, threads: int = 4, host: str = "127.0.0.1") -> Iterator[Counter[str]]:
    """Ask all the time; counts the releases that answered, and how it failed."""
    counted: Counter[str] = Counter()
    over = threading.Event()

    def go() -> None:
        while not over.is_set():
            try:
                counted[ask(port, host=host).split()[0]] += 1
            except (OSError, http.client.HTTPException) as error:
                counted[type(error).__name__] += 1
            time.sleep(0.005)

    running = [threading.Thread(target=go) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield counted
    finally:
        over.set()
        for thread in running:
            thread.join()
