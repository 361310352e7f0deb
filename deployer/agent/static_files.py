"""Static files: which file of a folder does a URL's path name, and what is its content known by?

Nothing outside of the folder is ever given, whatever the path or a symbolic link says; only what the target keeps for
it in `shared` is, for that is where such a link of a release leads.  Names that begin with a dot are not given, but
for `/.well-known/`.
"""

from __future__ import annotations

import errno
import json
import mimetypes
import os
import posixpath
import re
import stat
from typing import NamedTuple, Optional
from urllib.parse import quote, unquote

INDEX, MISSING, HTML = "index.html", "404.html", ".html"
WELL_KNOWN = ".well-known"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))  # the better one first; made by the build, beside the file
NAMED_BY_CONTENT = re.compile(  # app.3f2a9c1d.js: by a digest, which a date is none
    r"[.-](?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{8,64}(?:[.]chunk)?[.]"
    r"(?:js|mjs|css|map|wasm|woff2?|ttf|otf|png|jpe?g|gif|svg|webp|avif|ico)\Z"
)
_ENTRY = re.compile(rb"f (?:644|755) ([0-9a-f]{64}) [0-9]+ (.+)\Z")
TYPES = {  # the host's own list of types differs from one to the next
    ".avif": "image/avif",
    ".css": "text/css",
    ".csv": "text/csv",
    ".eot": "application/vnd.ms-fontobject",
    ".gz": "application/gzip",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
_TEXT = ("application/json", "application/manifest+json", "application/xml", "image/svg+xml")
_BUILT_IN = mimetypes.MimeTypes(filenames=())


class Found(NamedTuple):
    """An open file to give: `type` and `encoding` ('' for none) as HTTP names them; `tag` is its ETag.

    `varies`: the same path has its content in other encodings, too.  `lasting`: its name changes with its content.
    """

    descriptor: int
    size: int
    modified: int
    tag: str
    type: str
    encoding: str = ""
    varies: bool = False
    lasting: bool = False


class Moved(NamedTuple):
    """A folder, which has its own path: with a slash at its end."""

    location: str


class Folder:
    """The files below `root`; those below `also` are given, too, where a link in it leads there."""

    def __init__(self, root: str, *, also: str = "", digests: Optional[dict[str, str]] = None) -> None:
        self._root = os.path.realpath(root)
        self._within = [self._root, *([os.path.realpath(also)] if also else [])]
        self._digests = digests or {}

    def find(self, target: str, accepted: str) -> Found | Moved | None:
        """What the path of a URL (still quoted) names; None for nothing that may be given.  `accepted` encodings."""
        parts = segments(target)
        if parts is None:
            return None
        path = "/".join([self._root, *parts])
        kind = self._kind(path)
        if stat.S_ISDIR(kind):
            if parts and not target.endswith("/"):
                return Moved("/" + "/".join(map(quote, parts)) + "/")
            return self._open(f"{path}/{INDEX}", accepted)
        if target.endswith("/"):
            return None
        return self._open(path, accepted) or (self._open(path + HTML, accepted) if parts else None)

    def named(self, name: str, accepted: str) -> Found | None:
        """The file `name` of the folder: its 404.html, or what it answers with instead."""
        return self._open(f"{self._root}/{name}", accepted)

    def _kind(self, path: str) -> int:
        real = os.path.realpath(path)
        try:
            return os.stat(real).st_mode if self._may_give(real) else 0
        except OSError:
            return 0

    def _may_give(self, real: str) -> bool:
        for root in self._within:
            if real == root or real.startswith(root.rstrip("/") + "/"):
                return not any(map(_hidden, real[len(root) :].split("/")))
        return False

    def _open(self, path: str, accepted: str) -> Found | None:
        plain = self._opened(path)
        if plain is None:
            return None
        packed = [(name, other) for name, end in ENCODINGS for other in (self._opened(path + end),) if other]
        chosen, encoding = plain, ""
        for name, other in packed:
            if not encoding and takes(accepted, name):
                chosen, encoding = other, name
        for one in (plain, *(other for _, other in packed)):
            if one is not chosen:
                os.close(one[0])
        descriptor, status, real = chosen
        tag = self._digests.get(real, "")[:32] or f"{status.st_mtime_ns:x}-{status.st_size:x}"
        kind, lasting = content_type(path), bool(NAMED_BY_CONTENT.search(posixpath.basename(path)))
        modified = int(status.st_mtime)
        return Found(descriptor, status.st_size, modified, f'"{tag}"', kind, encoding, bool(packed), lasting)

    def _opened(self, path: str) -> Optional[tuple[int, os.stat_result, str]]:
        real = os.path.realpath(path)
        if not self._may_give(real):
            return None
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        return descriptor, status, real


def segments(target: str) -> list[str] | None:
    """The names in the path of a URL; None where it is none that a file could have."""
    parts = [part for part in unquote(target, errors="surrogateescape").split("/") if part]
    if not target.startswith("/") or any("\0" in part or part == ".." or _hidden(part) for part in parts):
        return None
    return parts


def _hidden(part: str) -> bool:
    return part.startswith(".") and part != WELL_KNOWN


def takes(accepted: str, encoding: str) -> bool:
    """Whether a request with this Accept-Encoding takes `encoding`."""
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() == encoding:
            return not re.match(r"\s*q\s*=\s*0(?:\.0*)?\s*\Z", weight)
    return False


def content_type(path: str) -> str:
    """The type by the file's name, with its charset where it is text."""
    end = posixpath.splitext(path)[1].lower()
    known = TYPES.get(end) or _BUILT_IN.types_map[True].get(end, "application/octet-stream")
    return f"{known}; charset=utf-8" if is_text(known) else known


def is_text(kind: str) -> bool:
    """Whether a type is of text, which has a charset."""
    return kind.startswith("text/") or kind in _TEXT


def digests(release: str) -> dict[str, str]:
    """The digests of the files of the release in that folder, by their paths; none where it is no release's."""
    try:
        with open(f"{release}/release.json", "rb") as file:
            build = json.loads(file.read())["build"]
        with open(f"{os.path.dirname(os.path.dirname(release))}/builds/{build}/manifest", "rb") as file:
            entries = [_ENTRY.match(line) for line in file.read().split(b"\n")]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    app = f"{os.path.realpath(release)}/app/"
    return {app + os.fsdecode(entry.group(2)): entry.group(1).decode() for entry in entries if entry}
