"""Real routers and real apps, as processes of their own on free ports of the loopback, in folders of their own."""

from __future__ import annotations

import abc
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from deployer.agent import router_unit
from deployer.agent.layout import Layout
from deployer.core.routing import Route, Router, Upstream
from tests.agent.releases import wait_for

APP = Path(__file__).with_name("app_program.py")
SITE = "somebody.example"  # of somebody else


def says_how_to_start(kind: str, hint: str) -> bool:
    """Whether `hint` says how a router is started: that depends on what this machine has of systemd and its unit."""
    return any(
        how in hint
        for how in (f"systemctl enable --now {kind}", f"start {kind} on the host", f"start {kind} as it was installed")
    )


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class App:
    """A process that answers with its name."""

    def __init__(self, name: str, port: int = 0) -> None:
        self.name, self.port = name, port or free_port()
        self._process = subprocess.Popen([sys.executable, str(APP), str(self.port), name])
        wait_for(lambda: listens(self.port))

    @property
    def upstream(self) -> Upstream:
        return Upstream("127.0.0.1", self.port)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Answer:
    def __init__(self, found: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = found.status, found.headers, found.read().decode()


def get(port: int, path: str = "/", host: str = "localhost", method: str = "GET", **headers: str) -> Answer:
    """What one request on a connection of its own is answered."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, b"x" if method == "POST" else None, {"Host": host, **named})
        return Answer(link.getresponse())
    finally:
        link.close()


class Program(abc.ABC):
    """A router that runs, with a site of somebody else's on a port of its own."""

    kind = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.port, self.site_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.configure()
        self.start()

    @abc.abstractmethod
    def configure(self) -> None:
        """Write its files."""

    @abc.abstractmethod
    def line(self) -> list[str]:
        """The command that starts it."""

    def router(self, **fields) -> Router:
        """What deploy.yaml says of it."""
        return Router(self.kind, **{"port": self.port, **fields})

    def start(self) -> None:
        environ = {**os.environ, "XDG_CONFIG_HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(self.line(), env=environ, stdout=said, stderr=said, cwd=self.folder)
        wait_for(lambda: listens(self.site_port))

    def stop(self) -> None:
        """End it as a service manager would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self, files: Layout) -> None:
        """Start it anew, as on a host: what systemd runs after it is run, too."""
        self.stop()
        self.start()
        router_unit.main([str(files.root), files.app, files.target])

    def theirs(self) -> str:
        """What is somebody else's: how their site answers, and the files that they wrote."""
        return get(self.site_port, host=SITE).body + self.written()

    @abc.abstractmethod
    def written(self) -> str:
        """The files that somebody else wrote."""


class CaddyProgram(Program):
    kind = "caddy"

    def configure(self) -> None:
        self.admin_port = free_port()
        self.tls_port = free_port()
        self.admin = f"127.0.0.1:{self.admin_port}"
        self.file = self.folder / "Caddyfile"
        self.file.write_text(
            f"{{\n\tadmin {self.admin}\n\thttps_port {self.tls_port}\n\thttp_port {free_port()}\n"
            "\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
            f"http://{SITE}:{self.site_port} {{\n\trespond theirs\n}}\n"
        )

    def line(self) -> list[str]:
        return ["caddy", "run", "--config", str(self.file), "--adapter", "caddyfile"]

    def router(self, **fields) -> Router:
        return super().router(**{"admin": self.admin, **fields})

    def written(self) -> str:
        return self.file.read_text()

    def config(self):
        """All that it serves."""
        return json.loads(get(self.admin_port, "/config/", host=self.admin).body)

    def servers(self):
        return self.config()["apps"]["http"]["servers"]


class NginxProgram(Program):
    kind = "nginx"

    def configure(self) -> None:
        self.conf = self.folder / "conf.d"
        self.conf.mkdir()
        self.file = self.folder / "nginx.conf"
        temporary = "".join(
            f"{name}_temp_path {self.folder}/temp;\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        self.file.write_text(
            f"{user}worker_processes 2;\ndaemon off;\npid {self.folder}/nginx.pid;\n"
            f"error_log {self.folder}/error.log;\n"
            f"events {{ worker_connections 8192; }}\nhttp {{\naccess_log off;\n{temporary}types {{ text/css css; }}\n"
            f"include {self.conf}/*.conf;\n}}\n"
        )
        (self.conf / "somebody.conf").write_text(
            f"server {{ listen {self.site_port}; server_name {SITE}; location / {{ return 200 theirs; }} }}\n"
        )

    def line(self) -> list[str]:
        return [shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx", "-c", str(self.file)]

    def router(self, **fields) -> Router:
        return super().router(**{"conf": str(self.conf), **fields})

    def written(self) -> str:
        return self.file.read_text() + (self.conf / "somebody.conf").read_text()


PROGRAMS: dict[str, type[Program]] = {"caddy": CaddyProgram, "nginx": NginxProgram}


def a_route(program: Program, *apps: App, app: str = "shop", **fields) -> Route:
    """The route of an app's target to these processes."""
    port = fields.pop("port", program.port)
    return Route(app, "local", fields.pop("domain", ()), port, tuple(one.upstream for one in apps), **fields)
