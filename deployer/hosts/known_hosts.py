"""Which keys may a host have?  known_hosts files as sshd(8) describes them: read, judged, added to.

Hashed names, patterns, `[host]:port`, `@cert-authority` and `@revoked`.  Keys are compared as bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from deployer.agent import durable
from deployer.core.errors import HostUnreachable

AUTHORITY, REVOKED_KEY = "@cert-authority", "@revoked"
SALT = 20  # bytes of a hashed name's salt


class Verdict(Enum):
    """What known_hosts says of a key."""

    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Key:
    """A public key as it crosses the wire; `kind` is ssh's name for its type."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.kind})"


@dataclass(frozen=True)
class Shown:
    """A key of which the fingerprint alone is known; that is enough to tell it from any other."""

    kind: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.kind})"


@dataclass(frozen=True)
class Entry:
    """A line of a file: whose key it is, and where it stands."""

    marker: str
    names: str
    key: Key
    place: str  # file:line

    def speaks_of(self, name: str) -> bool:
        """Whether it is about `name`: a host, or [host]:port."""
        if self.names.startswith("|1|"):
            return _is_hash_of(self.names, name)
        found = False
        for pattern in self.names.split(","):
            if matches(pattern.removeprefix("!"), name):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


class KnownHosts:
    """What the files say about the host that is known as `name`."""

    def __init__(self, files: Sequence[Path], name: str, revoked: Sequence[Path] = ()) -> None:
        everything = [entry for file in files for entry in _read(file)]
        self.entries = [entry for entry in everything if entry.speaks_of(name)]
        if name.startswith("[") and not self.keys:  # as ssh does: the host's keys may stand there without the port
            host = name[1:].rpartition("]")[0]
            self.without_port = [entry for entry in everything if entry.speaks_of(host)]
        else:
            self.without_port = []
        self._revoked = [key for file in revoked for key in _plain(file)]

    @property
    def keys(self) -> list[Entry]:
        """The keys that the host may have."""
        return [entry for entry in self.entries if not entry.marker]

    @property
    def authorities(self) -> list[Key]:
        """The keys that may certify the host's."""
        entries = [*self.entries, *self.without_port]
        return [entry.key for entry in entries if entry.marker == AUTHORITY]

    def kinds(self) -> list[str]:
        """The types of the keys that are known: to be asked for first, lest another type looks like a change."""
        return list(dict.fromkeys(entry.key.kind for entry in [*self.keys, *self.without_port] if not entry.marker))

    def judge(self, key: Key | Shown) -> Verdict:
        """Whether the host may have `key`."""
        if self.revoked(key):
            return Verdict.REVOKED
        mine = [entry for entry in [*self.keys, *self.without_port] if not entry.marker]
        if key.fingerprint in [entry.key.fingerprint for entry in mine]:
            return Verdict.TRUSTED
        return Verdict.CHANGED if any(entry.key.kind == key.kind for entry in self.keys) else Verdict.UNKNOWN

    def revoked(self, key: Key | Shown) -> bool:
        """Whether `key` is not to be used any more."""
        marked = [entry.key for entry in [*self.entries, *self.without_port] if entry.marker == REVOKED_KEY]
        return key.fingerprint in [one.fingerprint for one in [*marked, *self._revoked]]


def add(file: Path, name: str, keys: Sequence[Key], *, hashed: bool) -> None:
    """Append `keys` of the host known as `name` to `file`, which is made where it is missing; `OSError`."""
    durable.make_directory(file.parent, mode=0o700)
    lines = "".join(
        f"{_hashed(name) if hashed else name} {key.kind} {base64.b64encode(key.blob).decode()}\n" for key in keys
    )
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            lines = f"\n{lines}"
        durable.write_all(descriptor, lines.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is `pattern`, in which * and ? stand for any characters, and nothing else does."""
    return fnmatchcase(name.lower(), re.sub(r"\[", "[[]", pattern.lower()))


def _read(file: Path) -> list[Entry]:
    """The lines of `file` that can be read; ssh passes over the others too."""
    try:
        lines = file.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) >= 3 and not fields[0].startswith("#") and marker in ("", AUTHORITY, REVOKED_KEY):
            try:
                blob = base64.b64decode(fields[2], validate=True)
            except (binascii.Error, ValueError):
                continue
            found.append(Entry(marker, fields[0], Key(fields[1], blob), f"{file}:{number}"))
    return found


def _plain(file: Path) -> list[Key]:
    """The keys of a RevokedHostKeys file: where it cannot be read nobody is trusted, as with ssh."""
    try:
        lines = [line.split() for line in file.read_text(errors="surrogateescape").splitlines()]
        return [Key(line[0], base64.b64decode(line[1])) for line in lines if len(line) > 1 and line[0][0] != "#"]
    except (OSError, binascii.Error) as error:
        why = getattr(error, "strerror", None) or "not a list of keys"
        raise HostUnreachable(
            f"{file}: {why}; it lists the host keys that are revoked (RevokedHostKeys in ssh's configuration)",
            hint=f"make {file} readable, or fix RevokedHostKeys in ~/.ssh/config",
        ) from error


def _hashed(name: str) -> str:
    salt = os.urandom(SALT)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _is_hash_of(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in hashed.split("|")[2:4])
    except ValueError:  # binascii.Error, or not two parts
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
