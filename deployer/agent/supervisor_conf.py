"""What does supervisord read?  Its configuration: one file for itself, one for each process.

Nothing of the user is in them, not even a path: supervisord's working directory is the target's root, and every path
is relative to it.  So blanks, `%`, `;`, `#` and very long roots cannot break the file, and `/proc/self/cwd` keeps the
socket's path within the 107 bytes of AF_UNIX.
"""

from __future__ import annotations

import math
import re
from typing import Optional

from deployer.agent import started
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType

MAIN, SOCKET, PROCESSES = "run/supervisord.conf", "run/supervisor.sock", "run/supervisor.d"
HERE = "/proc/self/cwd"
OPEN_FILES = 256  # that it needs, by its own reckoning

_MAIN = """\
; Written by deployer at every start; one file for each process stands in supervisor.d.
[supervisord]
identifier={identifier}
logfile=log/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=run/supervisord.pid
childlogdir=log
nocleanup=true
umask=077
minfds={open_files}
minprocs=20

[unix_http_server]
file={here}/{socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={here}/{processes}/*.conf
"""

_PROCESS = """\
[program:{key}]
command={python} -IS releases/v{release}/agent.pyz launch {type} {number} --port {port}
autostart=true
autorestart=true
startsecs={startsecs}
startretries=1000000000
stopsignal={stopsignal}
stopwaitsecs={stopwaitsecs}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""

_SCHEDULER = """\
[program:{key}]
command={python} -IS releases/v{release}/agent.pyz schedule {app} {target}
autostart=true
autorestart=true
startsecs=1
startretries=1000000000
stopsignal=TERM
stopwaitsecs=5
redirect_stderr=true
stdout_logfile=log/scheduler.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
"""
SCHEDULER = "scheduler-v"


def main(app: str, target: str) -> bytes:
    """Supervisord's own configuration."""
    name = f"{app}-{target}"
    made = _MAIN.format(identifier=name, here=HERE, socket=SOCKET, processes=PROCESSES, open_files=OPEN_FILES)
    return made.encode()


def process(wanted: Process, kind: ProcessType, *, python: str) -> bytes:
    """The configuration of one process; `python` is the interpreter of its launcher."""
    return _PROCESS.format(
        key=key(wanted),
        python=word(python),
        release=wanted.release,
        type=wanted.type,
        number=wanted.number,
        port=wanted.port,
        startsecs=max(1, math.ceil(kind.healthy_time)),
        stopsignal=kind.stop_signal,
        stopwaitsecs=max(1, math.ceil(kind.stop_timeout)),
        log=log(wanted),
    ).encode()


def scheduler(app: str, target: str, release: int, *, python: str) -> bytes:
    """The configuration of what starts processes at their times, in the words of `release`."""
    key = f"{SCHEDULER}{release}"
    return _SCHEDULER.format(key=key, python=word(python), release=release, app=app, target=target).encode()


def key(wanted: Process) -> str:
    """The process's name in supervisord: `v100-web-1`."""
    return started.key(wanted.release, wanted.type, wanted.number)


def log(wanted: Process) -> str:
    """Where supervisord writes the process's output, below the target's root."""
    return f"log/v{wanted.release}-{wanted.name}.log"


def parse_key(name: str, port: int = 0) -> Optional[Process]:
    """The process that `key` named; None for another's."""
    match = re.match(r"v(\d+)-(.+)-(\d+)\Z", name)
    return Process(int(match.group(1)), match.group(2), int(match.group(3)), port) if match else None


def is_key(name: str) -> bool:
    """Whether it is one of our names in supervisord."""
    return parse_key(name) is not None or name.startswith(SCHEDULER)


def port(text: str) -> int:
    """The port in a process's configuration."""
    match = re.search(r" --port (\d+)$", text, re.MULTILINE)
    return int(match.group(1)) if match else 0


def stop_timeout(text: str) -> int:
    """The stop_timeout in a process's configuration."""
    match = re.search(r"^stopwaitsecs=(\d+)$", text, re.MULTILINE)
    return int(match.group(1)) if match else 30


def word(text: str) -> str:
    """`text` as one word of a command: no blank, quote, comment or expansion survives in it."""
    return re.sub(r"[^A-Za-z0-9_/.+-]", lambda odd: _quoted(odd.group()), text)


def _quoted(char: str) -> str:
    return '"\'"' if char == "'" else f"'{char.replace('%', '%%')}'"
