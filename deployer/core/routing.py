"""What is a route: what does a router send where, for one app's target on one host?"""

from __future__ import annotations

from typing import Iterable, Mapping, Optional, Sequence

from deployer.core.formation import Process
from deployer.core.message import message

CADDY, NGINX = "caddy", "nginx"
KINDS = (CADDY, NGINX)
WEB = "web"
LOOPBACK = "127.0.0.1"
HTTP, HTTPS = 80, 443
RETRY_AFTER = 120  # seconds
LARGEST_PAGE = 256 << 10  # bytes
HASHED = "[.-][0-9a-f]{8,64}[.][A-Za-z0-9.]+$"  # a file's name that changes with its content
WORD_OR_DATE = "[.-](?:[0-9]+|[a-f]+)[.][A-Za-z0-9.]+$"  # such a name is none of these
FOR_EVER, ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


@message
class Assets:
    """Files that the router serves by itself: `folder` of the build's tree below `url`, `/static`."""

    url: str
    folder: str


@message
class Router:
    """What deploy.yaml says of a target's router; `kind` is '' where it has none.

    `domain` without a `port` is HTTPS with automatic certificates (caddy), or port 80 (nginx; 443 with a
    `certificate`); a `port` is plain HTTP.  `type` is the process type that is routed to.  `admin` is where caddy's
    admin API is, `conf` the folder of nginx's include files; '' for where Debian has them.  `host` is the one whose
    router stands in front of all hosts; '' where each has its own.
    """

    kind: str = ""
    domain: tuple[str, ...] = ()
    port: int = 0
    assets: tuple[Assets, ...] = ()
    type: str = WEB
    admin: str = ""
    conf: str = ""
    certificate: str = ""
    certificate_key: str = ""
    host: str = ""

    @property
    def own(self) -> tuple[str, ...]:
        """The type that a router of the processes' own host sends requests to, and can find at other ports."""
        return (self.type,) if self.kind and not self.host else ()

    @property
    def listens(self) -> int:
        """The port that the router listens on."""
        plain = self.kind == NGINX and not self.certificate
        return self.port or (HTTP if plain else HTTPS)

    @property
    def secure(self) -> bool:
        """Whether the router speaks TLS."""
        return bool(self.certificate) or (self.kind == CADDY and not self.port)


@message
class Upstream:
    """Where processes listen."""

    address: str
    port: int

    @property
    def name(self) -> str:
        """`127.0.0.1:5000`, `[::1]:5000`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@message
class Maintenance:
    """The router answers 503 by itself: with `page` (HTML), or with `message` on a plain one."""

    message: str = ""
    page: str = ""
    retry_after: int = RETRY_AFTER


@message
class AssetFolders:
    """Files below `url` are looked for in these folders of the host, that of the newest release first.

    Without a `url` it is a whole static site: what the folder has not, its own process answers.
    """

    url: str
    folders: tuple[str, ...]


@message
class Route:
    """What one target of one app wants of its router.

    `health` is a path that has to answer, asked where there are several upstreams ('' for none), for `health_host` ('':
    the first domain) and with `health_headers`.  Without `upstreams`,
    as in maintenance, the router answers 503.
    """

    app: str
    target: str
    domain: tuple[str, ...]
    port: int
    upstreams: tuple[Upstream, ...]
    health: str = ""
    assets: tuple[AssetFolders, ...] = ()
    maintenance: Optional[Maintenance] = None
    health_host: str = ""
    health_headers: tuple[tuple[str, str], ...] = ()

    @property
    def closed(self) -> Optional[Maintenance]:
        """What is answered instead of the app; None where the app answers."""
        return self.maintenance or (None if self.upstreams else Maintenance("Nothing runs here at the moment."))


def name(app: str, target: str) -> str:
    """What a route is called in its router: no two targets share it, since no app has a dot."""
    return f"deployer-{app}.{target}"


def upstreams(router: Router, processes: Iterable[Process]) -> tuple[Upstream, ...]:
    """Where the routed ones of `processes` listen; several may share one socket."""
    ports = sorted({process.port for process in processes if process.type == router.type})
    return tuple(Upstream(LOOPBACK, port) for port in ports)


def folders(router: Router, releases: Sequence[str]) -> tuple[AssetFolders, ...]:
    """Where assets are looked for: `releases` are the apps' folders, the newest first."""
    return tuple(
        AssetFolders(one.url, tuple(f"{release}/{one.folder}" for release in releases)) for one in router.assets
    )


def page(maintenance: Maintenance) -> str:
    """The HTML that is shown."""
    if maintenance.page:
        return maintenance.page
    escapes: Mapping[int, str] = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
    text = (maintenance.message or "We are working on this site. It will be back soon.").translate(escapes)
    return (
        '<!doctype html>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        "<title>Maintenance</title>\n"
        f'<body style="font: 1.2em sans-serif; margin: 20vh auto; max-width: 30em; padding: 0 1em">\n<p>{text}</p>\n'
    )
