"""By which signal is a command's program told to stop, where nobody says it?  SIGTERM, but for a few programs."""

from __future__ import annotations

import re

from deployer.core import servers
from deployer.core.signals import TERM

_STOPPED_BY = {  # programs to which SIGTERM means something else than to finish what they are at, and end
    "uwsgi": "INT",  # TERM: load the app anew; and with `die-on-term`, that is what QUIT means
    "uwsgi-core": "INT",
    "uwsgi_python": "INT",
    "pyuwsgi": "INT",
    "nginx": "QUIT",  # TERM: drop all connections
    "openresty": "QUIT",
    "unicorn": "QUIT",  # TERM: kill the workers
    "unicorn_rails": "QUIT",
    "php-fpm": "QUIT",  # TERM: kill the workers
    "httpd": "WINCH",  # TERM: kill the workers
    "apache2": "WINCH",
    "apache2ctl": "WINCH",
    "apachectl": "WINCH",
    "haproxy": "USR1",  # TERM: drop all connections
}
_VERSION = re.compile(r"[0-9.]+\Z")  # php-fpm8.2


def stop_signal(line: str) -> str:
    """The signal by which the program of `line` is told to finish what it is at, and end: `TERM`, but for a few."""
    found = servers.command(line)
    if found is None:
        return TERM
    if found.program == "httpd" and "FOREGROUND" not in line:  # busybox has one of that name
        return TERM
    return _STOPPED_BY.get(found.program) or _STOPPED_BY.get(_VERSION.sub("", found.program), TERM)
