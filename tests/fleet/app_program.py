"""An app that says its release and its host, on the socket that it is given or the port that it binds."""

import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    """`/up` is well unless a file says that this host is sick."""

    def do_GET(self):
        sick = self.path == "/up" and os.path.exists(f"/etc/sick-{os.environ['DEPLOY_RELEASE']}")
        text = f"{os.environ['DEPLOY_RELEASE']} {socket.gethostname()}".encode()
        self.send_response(500 if sick else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Ends when what it has taken is answered."""

    daemon_threads = False
    request_queue_size = 128


given = "LISTEN_FDS" in os.environ
server = Server((os.environ["HOST"], int(os.environ["PORT"])), Answer, bind_and_activate=not given)
if given:
    server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
