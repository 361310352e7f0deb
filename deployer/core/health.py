"""Health check: the HTTP request by which a process is asked whether it is up.  Pure.

With a path of its own (`health: /up`) a process has to answer 2xx or 3xx there.  Without one, what is reached by HTTP
has to answer `GET /`, whatever it says, if it is below 500: a server whose master listens before the app is imported
answers nothing, and one whose app cannot be imported answers 500.
"""

from __future__ import annotations

from deployer.core.manifest import ProcessType
from deployer.core.message import message
from deployer.core.routing import Router

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

HTTP, TCP, NOTIFY, PORT = "http", "tcp", "notify", "port"
ROOT = "/"
LOCALHOST = "localhost"
AGENT = "deployer"
SAYS_WHO = (400, 403, 404, 421)  # answers of an app that does not know the domain it was asked for


@message
class Check:
    """A `GET path`, asked for as `host`, with these `headers`; `lenient`: every status below 500 is a good one."""

    path: str
    host: str
    headers: tuple[tuple[str, str], ...] = ()
    lenient: bool = False

    def request(self) -> bytes:
        """The bytes of the request."""
        named = {"Host": self.host, "User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        for name, value in self.headers:
            named.pop(next((known for known in named if known.lower() == name.lower()), name), None)
            named[name] = value
        lines = [f"GET {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape")

    def passes(self, status: int) -> bool:
        """Whether an answer with this status says that the process is up."""
        return 200 <= status < (500 if self.lenient else 400)

    def told(self, status: int) -> str:
        """What is said of an answer that does not pass; an app that knows its own domain only is told its Host."""
        asked = f" (asked with Host: {self.host})" if status in SAYS_WHO else ""
        return f"answered {status} at {self.path}{asked}"


def check_of(kind: ProcessType, router: Router) -> Optional[Check]:
    """How a process of this type is asked by HTTP; None for one that is not.

    It hears what a visitor would send: the first domain of a router in front of it, and that the visitor came by HTTPS.
    A build that does not say what it speaks is asked as deployer did when it was made: at its path only, and locally.
    """
    path = kind.health if kind.health.startswith("/") else ""
    routed = bool(router.kind) and router.type == kind.name and bool(kind.expose)
    spoken = kind.expose == HTTP or (kind.expose == PORT and routed)
    if not path and (kind.health or not kind.binds_port or not spoken):
        return None
    host = kind.health_host or (router.domain[0] if routed and router.domain else LOCALHOST)
    said = {name.lower() for name, _ in kind.health_headers}
    scheme = (("X-Forwarded-Proto", "https"),) if routed and router.secure and "x-forwarded-proto" not in said else ()
    return Check(path or ROOT, host, (*kind.health_headers, *scheme), lenient=not path)
