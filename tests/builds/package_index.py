"""A package index (PEP 503) on 127.0.0.1 with wheels of ours, and what was asked of it."""

import base64
import hashlib
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def wheel(folder: Path, name: str, version: str, says: str) -> Path:
    """A wheel whose one module, `name`, has `says` in its `SAYS`."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"SAYS = {says!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}"
        for path, text in files.items()
    ]
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(zipfile.ZipInfo(inside), text)
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "\n".join([*lines, f"{info}/RECORD,,", ""]))
    return path


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


class PackageIndex:
    """Serves the wheels of `folder`; with `credentials` (`user:password`) to nobody else."""

    def __init__(self, folder: Path, credentials: str = ""):
        self.folder = folder
        self.asked = []
        expected = "Basic " + base64.b64encode(credentials.encode()).decode()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                index.asked.append(self.path)
                if credentials and self.headers.get("Authorization") != expected:
                    return self.answer(401, b"", ("WWW-Authenticate", 'Basic realm="index"'))
                head, _, name = self.path.strip("/").rpartition("/")
                if head == "files":
                    return self.answer(200, (folder / name).read_bytes())
                found = [path for path in sorted(folder.glob("*.whl")) if path.name.split("-")[0] == name]
                links = "".join(
                    f'<a href="/files/{p.name}#{digest(p).replace(":", "=")}">{p.name}</a>\n' for p in found
                )
                return self.answer(200 if found else 404, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())

            def answer(self, code, body, *headers):
                self.send_response(code)
                for header in (("Content-Type", "text/html"), ("Content-Length", str(len(body))), *headers):
                    self.send_header(*header)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/simple"


@contextmanager
def package_index(folder: Path, credentials: str = ""):
    index = PackageIndex(folder, credentials)
    threading.Thread(target=index.server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        index.server.shutdown()
        index.server.server_close()
