"""By which signal is a command's program told to stop, where nobody says it?  SIGTERM, but for a few programs."""

from __future__ import annotations

import re

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
_BEFORE = re.compile(  # `cd app && exec A=1 bundle exec unicorn`
    r"(?:[^\n]*&&)?[ \t]*(?:exec[ \t]+)?(?:[A-Za-z_][A-Za-z0-9_]*=\S*[ \t]+)*(?:exec[ \t]+)?"
    r"(?:(?:bundle exec|(?:uv|poetry|pdm|pipenv) run)[ \t]+(?!-))?"
)


def stop_signal(command: str) -> str:
    """The signal by which the program is told to finish what it is at, and end: `TERM`, but for a few."""
    name = _BEFORE.sub("", command, count=1).partition(" ")[0].rpartition("/")[2]
    if name == "httpd" and "FOREGROUND" not in command:  # busybox has one of that name
        return TERM
    return _STOPPED_BY.get(name) or _STOPPED_BY.get(_VERSION.sub("", name), TERM)
