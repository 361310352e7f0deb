"""What may be said of a target's router?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.core import names
from deployer.core.manifest import unsafe_path
from deployer.core.routing import CADDY, KINDS, NGINX, WEB, Assets, Router
from deployer.settings.hosts import NAME
from deployer.settings.kinds import WRONG, Choice, Found, Key, Kind, ListOf, MapOf, Number, Record, Text
from deployer.settings.mistakes import Mistakes, did_you_mean
from deployer.settings.reader import Node

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_URL = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+\Z")
_FOLDER = re.compile(r"[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)*\Z")
_ADMIN = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}\Z|unix//[^\0-\x20\x7f]+\Z")
_PATH = re.compile(r"/[^\0-\x20\x7f\"'\\;{}$#]*\Z")  # what nginx takes as one word


def _url(path: str) -> bool:
    return bool(_URL.match(path)) and not {".", ".."} & set(path.split("/"))


def _folder(path: str) -> bool:
    return bool(_FOLDER.match(path)) and not unsafe_path(path)


def _place(path: str) -> bool:
    return bool(_PATH.match(path)) and ".." not in path.split("/")


@dataclass(frozen=True)
class OneOrMore(ListOf):
    """A list, or one of its items alone."""

    @property
    def expected(self) -> str:
        """`a domain or a list of domains`."""
        return f"{self.item.expected} or {super().expected}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """A tuple of the items."""
        if node.value is None or isinstance(node.value, list):
            return super().read(node, at, mistakes)
        item = self.item.read(node, at, mistakes)
        return WRONG if item is WRONG else (item,)


@dataclass(frozen=True)
class AssetsOf:
    """Folders of the build, each below the path of the same name; or a mapping of paths to folders."""

    folders: ListOf
    paths: MapOf

    @property
    def expected(self) -> str:
        """`a list of folders or a mapping of paths to folders`."""
        return f"{self.folders.expected} or {self.paths.expected}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """A tuple of `Assets`."""
        kind: Kind = self.paths if isinstance(node.value, dict) else self.folders
        found = kind.read(node, at, mistakes)
        if found is WRONG:
            return WRONG
        pairs = found.items() if isinstance(found, dict) else ((f"/{folder}", folder) for folder in found)
        return tuple(Assets(url, folder) for url, folder in pairs)

    def below(self) -> Any:
        """Nothing: the names are the user's own."""
        return iter(())


def _mistakes(router: Mapping[str, Any]) -> Found:
    kind = router.get("kind")
    if not router.get("domain") and not router.get("port"):
        yield "", "expected a `domain` or a `port`"
    if ("certificate" in router) != ("certificate_key" in router):
        yield "", "`certificate` and `certificate_key` go together"
    for name, owner in (("admin", CADDY), ("conf", NGINX), ("certificate", NGINX), ("certificate_key", NGINX)):
        if name in router and kind in KINDS and kind != owner:
            yield name, f"is a key of {owner}'s"


def misplaced(router: Router, hosts: Sequence[str]) -> Found:
    """What is wrong with the router's `host`, in a target that has these hosts."""
    if router.host and router.host not in hosts:
        meant = did_you_mean(router.host, hosts)
        yield (
            "router",
            f"`host: {router.host}` is none of the target's hosts{meant}; it has to be one, with `runs: []` perhaps",
        )


_FOLDER_OF_BUILD = Text("a folder of the build", _folder)
_FILE = Text("an absolute path without spaces", _place)

ROUTER = (
    Key("kind", Choice(KINDS), "", "the program that listens on the public port", required=True),
    Key("domain", OneOrMore(Text("a domain such as shop.example.com", _DOMAIN.match), "domains"), "any",
        "the app's domains; without a `port` that is HTTPS with automatic certificates (caddy), or port 80 (nginx)"),
    Key("port", Number(1, 65535), "443 (caddy), 80 (nginx)",
        "the public port, plain HTTP; required without a `domain`"),
    Key("assets", AssetsOf(ListOf(_FOLDER_OF_BUILD, "folders"),
                           MapOf(Text("a path such as /static", _url), _FOLDER_OF_BUILD, "paths to folders")), "none",
        "folders of the build that the router serves by itself, and for pages of earlier releases those of the "
        "three before; `[static]` is `{/static: static}`"),
    Key("type", Text("the name of a process type (letters, digits, - and _; not run)", names.process_type), WEB,
        "the process type that requests go to"),
    Key("host", Text("a host's name or address", NAME.match), "each host, for its own processes",
        "one of the target's hosts: its router alone sends requests to the processes of all hosts"),
    Key("admin", Text("an address such as 127.0.0.1:2019 or unix//run/caddy/admin.sock", _ADMIN.match),
        "127.0.0.1:2019", "where caddy's admin API is"),
    Key("conf", _FILE, "/etc/nginx/conf.d", "the folder whose `*.conf` nginx.conf, in the folder above, includes"),
    Key("certificate", _FILE, "none", "nginx listens on 443 with this certificate, a file on the host"),
    Key("certificate_key", _FILE, "none", "the certificate's key, a file on the host"),
)  # fmt: skip

KIND = Record(Router, ROUTER, check=_mistakes)
