"""Static files over HTTP: which status and headers answer a request for a file?  RFC 9110, without any I/O."""

from __future__ import annotations

import email.utils
import re
from typing import Mapping, NamedTuple, Optional

from deployer.core.routing import ASK_AGAIN, FOR_EVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deployer.agent.static_files import Found

REASONS = {
    200: "OK",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
_RANGE = re.compile(r"bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)\s*\Z", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_LINE = re.compile(r"([A-Z]{1,20}) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])\Z")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Request(NamedTuple):
    """A request's head: names of headers in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    keeps: bool

    def header(self, name: str) -> str:
        """The header's value; '' where it has none."""
        return self.headers.get(name, "")


class Refused(Exception):
    """What was sent is no request that is answered: only with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


class Reply(NamedTuple):
    """A status, headers, and which part of the file follows: nothing where `length` is 0."""

    status: int
    headers: dict[str, str]
    start: int = 0
    length: int = 0


def parse(head: bytes) -> Request:
    """The request whose head, with its empty line, this is; `Refused` where it is none."""
    lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    line = _LINE.match(lines[0])
    if line is None:
        raise Refused(400)
    method, target, major, minor = line.groups()
    if major != "1":
        raise Refused(505)
    headers: dict[str, str] = {}
    for each in lines[1:]:
        name, colon, value = each.partition(":")
        if not colon or not _NAME.match(name):  # a folded line, too
            raise Refused(400)
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if minor != "0" and "host" not in headers:
        raise Refused(400)
    absolute = re.match(r"https?://[^/?]*", target, re.IGNORECASE)
    path, _, query = target[absolute.end() if absolute else 0 :].partition("?")
    wishes = [wish.strip().lower() for wish in headers.get("connection", "").split(",")]
    keeps = "close" not in wishes and (minor != "0" or "keep-alive" in wishes)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        keeps = False  # what follows is nothing that a file answers to: it is not read
    return Request(method, path or "/", query, headers, keeps)


def file_reply(request: Request, found: Found, *, status: int = 200) -> Reply:
    """How a request for a file that is there is answered; as an error's page (`status`) it is given whole."""
    headers = {
        "Content-Type": found.type,
        "ETag": found.tag,
        "Last-Modified": email.utils.formatdate(found.modified, usegmt=True),
        "Cache-Control": FOR_EVER if found.lasting and status == 200 else ASK_AGAIN,
        "X-Content-Type-Options": "nosniff",
    }
    if found.varies:
        headers["Vary"] = "Accept-Encoding"
    if found.encoding:
        headers["Content-Encoding"] = found.encoding
    if status != 200:
        return _whole(status, headers, found)
    headers["Accept-Ranges"] = "bytes"
    if not _still(request, found):
        return Reply(412, {"Content-Length": "0"})
    if _unchanged(request, found):
        del headers["Content-Type"]
        return Reply(304, headers)
    part = _part(request, found)
    if part is None:
        return _whole(200, headers, found)
    start, end = part
    if start >= end:
        return Reply(416, {"Content-Range": f"bytes */{found.size}", "Content-Length": "0"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    headers["Content-Length"] = str(end - start)
    return Reply(206, headers, start, end - start)


def _whole(status: int, headers: dict[str, str], found: Found) -> Reply:
    headers["Content-Length"] = str(found.size)
    return Reply(status, headers, 0, found.size)


def _still(request: Request, found: Found) -> bool:
    """Whether If-Match, or else If-Unmodified-Since, lets it be answered."""
    wanted = request.header("if-match")
    if wanted:
        return wanted == "*" or found.tag in (tag for tag in wanted.replace(",", " ").split())
    since = _seconds(request.header("if-unmodified-since"))
    return since is None or found.modified <= since


def _unchanged(request: Request, found: Found) -> bool:
    """Whether the client has it already: by If-None-Match, or else by If-Modified-Since."""
    known = request.header("if-none-match")
    if known:
        return known.strip() == "*" or found.tag in _TAG.findall(known)
    since = _seconds(request.header("if-modified-since"))
    return since is not None and found.modified <= since


def _part(request: Request, found: Found) -> Optional[tuple[int, int]]:
    """From where to where the one range that is asked for reaches; None for the whole file."""
    asked = _RANGE.match(request.header("range"))
    only_if = request.header("if-range")
    if request.method != "GET" or asked is None or asked.groups() == ("", ""):
        return None
    if only_if and only_if != found.tag and _seconds(only_if) != found.modified:
        return None
    first, last = asked.groups()
    if not first:
        return (max(found.size - int(last), 0), found.size) if int(last) else (found.size, found.size)
    if last and int(last) < int(first):
        return None  # no range at all
    return int(first), min(int(last) + 1, found.size) if last else found.size


def _seconds(text: str) -> Optional[int]:
    """The time that an HTTP date is; None where it is none."""
    parsed = email.utils.parsedate_tz(text) if text else None
    try:
        return None if parsed is None else int(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


def head(status: int, headers: Mapping[str, str], *, keeps: bool, date: str) -> bytes:
    """The bytes of a reply's head."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Date: {date}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Connection: " + ("keep-alive" if keeps else "close"), "", ""]
    return "\r\n".join(lines).encode("latin-1")
