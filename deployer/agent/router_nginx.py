"""nginx as router: one include file of our own, tested before it is loaded, and a reload that is waited for.

No other file is written.  The file is what nginx reads when it is started again, so nothing else has to be kept.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Optional

from deployer.agent import durable, nginx_conf, procfs, service_state, sockets, unit_files
from deployer.agent.environment import PATH
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.program import Answer, ask
from deployer.agent.routers import Shown
from deployer.core import routing
from deployer.core.errors import RunFailed
from deployer.core.routing import NGINX, Route, Router, Upstream

FOLDER = "/etc/nginx/conf.d"
PATIENCE, PAUSE = 30.0, 0.01  # seconds
WORKER, LEAVING = "nginx: worker process", "nginx: worker process is shutting down"


class Nginx:
    """nginx as an `agent.routers.RouterProgram`."""

    kind = NGINX

    def __init__(self, files: Layout, router: Router) -> None:
        self._files, self._router = files, router
        self._folder = Path(router.conf or FOLDER)
        self._main = self._folder.parent / "nginx.conf"
        self._conf = self._folder / f"{routing.name(files.app, files.target)}.conf"
        self._page = self._conf.with_name(routing.name(files.app, files.target) + nginx_conf.PAGE)

    def hindrance(self) -> tuple[str, ...]:
        """Why it cannot be used here."""
        if not self._main.exists():
            return f"there is no {self._main}", "install nginx, or say `router.conf` where its include files are"
        if not os.access(self._folder, os.W_OK):
            return f"{self._folder} cannot be written to", "nginx needs root: say `sudo: true`, or log in as root"
        if re.search(r'[$"\\\0-\x1f]', str(self._files.root)):
            return f"nginx cannot be told of {self._files.root}", "choose a `path` without $, quotes and backslashes"
        return self._not_running() if self._master() is None else ()

    def _not_running(self) -> tuple[str, str]:
        """Why nothing runs with the configuration: nginx itself says what it does not like in it."""
        try:
            tested = self._nginx("-t")
        except RunFailed as error:
            return f"no nginx runs with {self._main}: {error.message}", error.hint
        if tested.code:
            why = next((line for line in tested.errors.splitlines() if "[emerg]" in line), tested.errors[-200:])
            hint = "fix that; when `sudo nginx -t` says that it is well, `sudo systemctl restart nginx`"
            return f"no nginx runs with {self._main}, and none could: {why}", hint
        state, hint = service_state.advice(NGINX)
        if not hint:  # it runs, with another configuration
            hint = "say `router.conf` where its include files are"
        return f"no nginx runs with {self._main}{f': {state}' if state else ''}", hint

    def put(self, route: Route) -> None:
        """Have exactly this route."""
        page = nginx_conf.page(route)
        owner, ipv6 = unit_files.owner(self._files), os.path.exists("/proc/net/if_inet6")
        wanted = nginx_conf.render(route, self._router, owner, str(self._folder), ipv6=ipv6)
        if _content(self._conf) == wanted and page in (None, _content(self._page)) and self._is_loaded():
            return
        self._check_owner()
        self._check_port()
        for left in self._folder.glob(f"{durable.TEMPORARY}{self._conf.stem}.*"):
            durable.remove(left, name="sweep")
        if page is not None:
            durable.write(self._page, page, name="nginx.page")
        self._load(wanted)
        if page is None:
            durable.remove(self._page, name="nginx.page")

    def shown(self) -> Optional[Shown]:
        """What it has now."""
        text = (_content(self._conf) or b"").decode()
        if not text:
            return None
        found = nginx_conf.upstreams(text)
        return Shown(nginx_conf.listens(text), found, not found)

    def busy(self, upstream: Upstream) -> int:
        """The connections that are open there: none is kept."""
        return sockets.established(upstream.port)

    def remove(self) -> None:
        """Have no route of this target any more."""
        if self._conf.exists():
            self._check_owner()
            self._load(None)
            durable.remove(self._page, name="nginx.page")

    def _load(self, wanted: Optional[bytes]) -> None:
        """Have nginx serve by this file (None: without it); it stays as it was where nginx will not."""
        before = _content(self._conf)
        try:
            self._write(wanted)
            self._test(there=wanted is not None)
        except BaseException:
            self._write(before)
            raise
        try:
            self._reload()
        except BaseException:  # it may have taken it all the same, and later than we waited
            self._write(before)
            self._nginx("-s", "reload")
            raise

    def _write(self, content: Optional[bytes]) -> None:
        if content is None:
            durable.remove(self._conf, name="nginx.conf")
        else:
            durable.write(self._conf, content, name="nginx.conf")

    def _test(self, *, there: bool) -> None:
        """`RunFailed` with nginx's own words where it does not like its configuration, or does not read our file."""
        told = self._nginx("-T")
        if told.code:
            raise RunFailed(
                "nginx refuses its configuration: nothing was changed",
                hint="where the words below name a file that others wrote, `nginx -t` says when it is well again",
                output=told.errors,
            )
        if there and f"# configuration file {self._conf}:" not in told.text:
            raise RunFailed(
                f"{self._main} does not include {self._folder}/*.conf",
                hint=f"add `include {self._folder}/*.conf;` to its `http` block, or say `router.conf`",
            )
        if there:
            self._check_others(told)

    def _check_others(self, told: Answer) -> None:
        """Refuse to take what is somebody else's: a whole port or a domain, of which nginx only warns."""
        port = self._router.listens
        taken = [domain for domain in self._router.domain if f'conflicting server name "{domain}"' in told.errors]
        if not self._router.domain and nginx_conf.listened(nginx_conf.others(told.text, str(self._conf)), port):
            taken = [f"other sites on port {port}"]
        if taken:
            raise RunFailed(
                f"nginx serves {', '.join(taken)} already",
                hint="take that out there, or choose another `domain` or `port`",
            )

    def _reload(self) -> None:
        """Return when only workers that have read the configuration anew take connections."""
        master = self._master()
        if master is None:
            return  # it reads the file when it is started
        before = set(_workers(master))
        point("nginx.reload")
        told = self._nginx("-s", "reload")
        if told.code:
            raise RunFailed("nginx cannot be reloaded", output=told.errors)
        deadline = time.monotonic() + PATIENCE
        while True:
            now = _workers(master)
            fresh = [pid for pid, title in now.items() if pid not in before and title == WORKER]
            if fresh and not any(title == WORKER for pid, title in now.items() if pid in before):
                return
            if time.monotonic() > deadline:
                raise RunFailed("nginx has not taken its new configuration", hint="its error log says why")
            time.sleep(PAUSE)

    def _nginx(self, *words: str) -> Answer:
        try:
            return ask(["nginx", "-c", str(self._main), *words], {"PATH": PATH, "LANG": "C.UTF-8"}, patience=PATIENCE)
        except FileNotFoundError as error:
            raise RunFailed("there is no `nginx` here", hint="install nginx") from error

    def _master(self) -> Optional[int]:
        """The process that has read this nginx.conf; None where none runs."""
        usual = str(self._main) == "/etc/nginx/nginx.conf"
        for process in procfs.everyone():
            title = " ".join(procfs.arguments(process.pid))
            if process.alive and title.startswith("nginx: master process"):
                words = title.split()
                named = words[words.index("-c") + 1] if "-c" in words[:-1] else ""
                if named == str(self._main) or (usual and not named):
                    return process.pid
        return None

    def _is_loaded(self) -> bool:
        """Whether all workers that take connections have begun after the file was written."""
        master = self._master()
        if master is None:
            return True  # it reads the file when it is started
        begun = [procfs.started(pid) for pid, title in _workers(master).items() if title == WORKER]
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        written = (self._conf.stat().st_mtime - booted) * os.sysconf("SC_CLK_TCK")
        return bool(begun) and all(ticks is not None and ticks >= written for ticks in begun)

    def _check_owner(self) -> None:
        first = (_content(self._conf) or b"").split(b"\n", 1)[0].decode(errors="replace")
        if first and first != unit_files.owner(self._files):
            root = first.rpartition(", ")[2].strip('"]')
            if not first.startswith("# deployer ") or os.path.isdir(root):
                raise RunFailed(f"{self._conf} is not this target's", hint="two targets on one host need other names")

    def _check_port(self) -> None:
        """Nginx would try for a while, and go on as before without a word to us."""
        owner = sockets.owner(self._router.listens)
        if owner and owner[1] and owner[1] != "nginx":
            raise RunFailed(
                f"port {self._router.listens} is held by pid {owner[0]} ({owner[1]})",
                hint="end it, or give the router another port",
            )


def _workers(master: int) -> dict[int, str]:
    """The pids of a master's workers, with what they call themselves."""
    found = {}
    for process in procfs.everyone():
        if process.parent == master and process.alive:
            title = " ".join(procfs.arguments(process.pid)).strip()
            if title.startswith(WORKER):
                found[process.pid] = title
    return found


def _content(path: Path) -> Optional[bytes]:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
