"""An app as plain as Python has it: it answers with its name.  Run as a program: PORT NAME."""

import http.server
import json
import socketserver
import sys
import time


class Answer(http.server.BaseHTTPRequestHandler):
    """Heads and bodies are sent one after the other, connections are kept: what is slow with a router shows."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "echo":
            return self._echo()
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.rpartition("/")[2]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps(headers) if self.path == "/headers" else sys.argv[2]
        if self.path == "/secure" and headers.get("x-forwarded-proto") != "https":
            self.send_response(301)
            self.send_header("Location", "https://localhost/up")
        elif self.path == "/secure" and (headers["host"], headers.get("x-key")) != ("shop.example", "k"):
            self.send_response(403)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
        return None

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def _echo(self):
        self.send_response(101)
        self.send_header("Upgrade", "echo")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        for line in self.rfile:
            self.wfile.write(line)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
