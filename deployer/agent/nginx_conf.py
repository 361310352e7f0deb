"""How does nginx write a route, and what does one say that it has?  An include file, and a page beside it."""

from __future__ import annotations

import re
from typing import Optional

from deployer.agent.static_files import TYPES, is_text
from deployer.core import routing
from deployer.core.routing import HTTP, AssetFolders, Route, Router, Upstream

PAGE = ".html"  # beside the file: where nginx reads its configuration, it reads this too
_SERVER = re.compile(r"^    server (?:\[([^\]\s]+)\]|([^\s:;]+)):([0-9]+)", re.MULTILINE)
_LISTEN = re.compile(r"^    (?:listen|server_name) ([^;]+);", re.MULTILINE)
WAIT = "1h"  # an app's own time limits are the ones that count

_PROXY = f"""\
        proxy_pass http://{{name}};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $deployer_connection;
        proxy_redirect off;
        proxy_connect_timeout 3s;
        proxy_read_timeout {WAIT};
        proxy_send_timeout {WAIT};
        proxy_next_upstream error timeout;
        proxy_next_upstream_timeout 5s;
        client_max_body_size 0;
"""


def render(route: Route, router: Router, owner: str, conf: str, *, ipv6: bool) -> bytes:
    """The file; `owner` is its first line, `conf` the folder that it is in."""
    name = routing.name(route.app, route.target)
    body = _unavailable(name, conf, route) if route.closed else _app(name, route)
    upstream = "" if route.closed else _upstream(name, route.upstreams)
    listens = [_listen(router.listens, secure=router.secure, ipv6=ipv6)]
    named = f"    server_name {' '.join(route.domain) or '_'};\n"
    if router.secure:
        listens.append(
            f"    ssl_certificate {router.certificate};\n    ssl_certificate_key {router.certificate_key};\n"
        )
    text = f"{owner}\n{upstream}server {{\n{''.join(listens)}{named}{body}}}\n"
    if router.secure and not router.port:
        text += (
            f"server {{\n{_listen(HTTP, secure=False, ipv6=ipv6)}{named}    return 301 https://$host$request_uri;\n}}\n"
        )
    return text.encode()


def page(route: Route) -> Optional[bytes]:
    """The page that goes with it; None where the app answers."""
    return routing.page(route.closed).encode() if route.closed else None


def others(dump: str, own: str) -> str:
    """What `nginx -T` has dumped of all other files than `own`."""
    parts = re.split(r"^# configuration file (.+):$", dump, flags=re.MULTILINE)
    return "\n".join(text for name, text in zip(parts[1::2], parts[2::2]) if name != own)


def listened(text: str, port: int) -> bool:
    """Whether a server of this configuration listens on `port`."""
    return bool(re.search(rf"^[^#\n]*\blisten\s+(?:\S+:)?{port}\b[^.:]", text, re.MULTILINE))


def upstreams(text: str) -> tuple[Upstream, ...]:
    """Where a file that `render` made sends requests to."""
    return tuple(Upstream(ipv6 or address, int(port)) for ipv6, address, port in _SERVER.findall(text))


def listens(text: str) -> str:
    """Where it listens: `80 ssl shop.example.com`."""
    return " ".join(dict.fromkeys(w for w in _LISTEN.findall(text) if not w.startswith("[") and w != "_"))


def _upstream(name: str, found: tuple[Upstream, ...]) -> str:
    lines = "".join(f"    server {one.name} max_fails=1 fail_timeout=2s;\n" for one in found)
    return f"upstream {name} {{\n    least_conn;\n{lines}}}\n"


def _listen(port: int, *, secure: bool, ipv6: bool) -> str:
    more = " ssl" if secure else ""
    return f"    listen {port}{more};\n" + (f"    listen [::]:{port}{more};\n" if ipv6 else "")


def _app(name: str, route: Route) -> str:
    assets = "".join(_assets(one) if one.url else _site(one) for one in route.assets if one.folders)
    connection = "    set $deployer_connection close;\n    if ($http_upgrade) { set $deployer_connection upgrade; }\n"
    if assets:
        hashed = f'    if ($uri ~ "{routing.HASHED}") {{ set $deployer_cache "{routing.FOR_EVER}"; }}\n'
        hashed += f'    if ($uri ~ "{routing.WORD_OR_DATE}") {{ set $deployer_cache {routing.ASK_AGAIN}; }}\n'
        connection += f"    set $deployer_cache {routing.ASK_AGAIN};\n{hashed}"
    proxy = _PROXY.format(name=name)
    return f"{connection}{assets}    location / {{\n{proxy}    }}\n    location @deployer_app {{\n{proxy}    }}\n"


def _assets(assets: AssetFolders) -> str:
    """The files of the newest release that has them; what none has goes on to the app.

    Files of releases that older versions made have one time, so that nothing can be said by it: neither does nginx.
    """
    tried = " ".join(f'"{folder}/$deployer_file"' for folder in assets.folders)
    return f"""\
    location ~ ^{re.escape(assets.url)}/(?<deployer_file>.*[^/])$ {{
        root /;
        try_files {tried} @deployer_app;
        etag off;
        if_modified_since off;
        add_header Last-Modified "";
        add_header Cache-Control $deployer_cache;
    }}
"""


def _site(site: AssetFolders) -> str:
    """The files of a static site; folders, missing ones and names with a dot go on to its process, which knows them."""
    ends: dict[str, list[str]] = {}
    for end, kind in TYPES.items():
        ends.setdefault(kind, []).append(end[1:])
    types = "".join(f"            {kind} {' '.join(names)};\n" for kind, names in ends.items())
    return f"""\
    location ~ ^/(?<deployer_page>(?!\\.)(?:(?!/\\.).)*[^/])$ {{
        root /;
        try_files "{site.folders[0]}/$deployer_page" @deployer_app;
        default_type application/octet-stream;
        charset utf-8;
        charset_types {" ".join(kind for kind in ends if is_text(kind) and kind != "text/html")};
        add_header Cache-Control $deployer_cache;
        add_header X-Content-Type-Options nosniff;
        types {{
{types}        }}
    }}
"""


def _unavailable(name: str, conf: str, route: Route) -> str:
    closed = route.closed
    assert closed is not None
    return f"""\
    error_page 503 /{name}{PAGE};
    location / {{
        return 503;
    }}
    location = /{name}{PAGE} {{
        internal;
        root "{conf}";
        default_type "text/html; charset=utf-8";
        types {{ }}
        etag off;
        add_header Last-Modified "";
        add_header Retry-After {closed.retry_after} always;
        add_header Cache-Control no-store always;
    }}
"""
