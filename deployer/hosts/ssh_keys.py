"""With which keys may one log in?  Those of ssh's configuration, of the agent, and the usual files.

What needs no passphrase comes first.  A key is read (and its passphrase asked for) once in a command, however many
hosts take it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paramiko.pkey import PKey, UnknownKeyType  # type: ignore[import-untyped]
from paramiko.ssh_exception import SSHException  # type: ignore[import-untyped]

from deployer.hosts import key_faults
from deployer.hosts import ssh_key_files as key_files
from deployer.hosts.ssh_agent import Agent
from deployer.hosts.ssh_route import Route

USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
IN_TOKENS = ("id_ed25519_sk", "id_ecdsa_sk")  # security keys: the ssh program's to use
TRIES = 3
NOBODY = "it has a passphrase, and there is no terminal to ask for it (`ssh-add` it first)"
UNREAD = "it cannot be read"
Ask = Callable[[str], str | None]


@dataclass
class Tried:
    """What was tried, for the message of a login that failed."""

    keys: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    locked: str = ""  # one that could not be opened for want of its passphrase
    strange: bool = False  # whether there was one that ssh may know how to use

    def __str__(self) -> str:
        told = [f"tried {', '.join(self.keys)}" if self.keys else "there was no key to try", *self.unusable]
        return "; ".join(told)


class Keyring:
    """The caller's keys.  `ask` gives the passphrase for a prompt; None of it where nobody can be asked."""

    def __init__(self, home: Path, ask: Ask | None) -> None:
        self._home, self._ask = home, ask
        self._lock = threading.Lock()
        self._read: dict[tuple[str, bool], PKey | str] = {}

    def keys(self, route: Route, agent: Agent | None, tried: Tried) -> Iterator[PKey]:
        """The keys to try on `route`, the likeliest first; what was tried or cannot be used is noted in `tried`."""
        for key in self._plain(route, agent, tried):
            yield from key_files.certified(key, route.certificates)
            yield key

    def _plain(self, route: Route, agent: Agent | None, tried: Tried) -> Iterator[PKey]:
        folder = self._home / ".ssh"
        files = route.identities or tuple(str(folder / name) for name in USUAL)
        tried.strange = not route.identities and any((folder / name).exists() for name in IN_TOKENS)
        held = {key.blob: key for key in agent.get_keys()} if agent else {}
        named = {path: held.pop(public, None) for path in files if (public := key_files.public(path)) is not None}
        if not route.identities:
            yield from self._of_agent(held, tried)
        locked = []
        for path in files:
            if named.get(path) is not None:
                tried.keys.append(f"{path} (agent)")
                yield named[path]
            elif Path(path).is_file() or route.identities:
                key = self._key(path, asking=False)
                if isinstance(key, PKey):
                    tried.keys.append(path)
                    yield key
                else:
                    locked.append(path)
        if route.identities and not route.only_identities:
            yield from self._of_agent(held, tried)
        yield from self._unlocked_of(locked, tried)

    def _unlocked_of(self, paths: list[str], tried: Tried) -> Iterator[PKey]:
        for path in paths:
            key = self._key(path, asking=True)
            if isinstance(key, PKey):
                tried.keys.append(path)
                yield key
            else:
                tried.unusable.append(f"{path}: {key}")
                tried.locked = tried.locked or (path if key == NOBODY else "")
                tried.strange = tried.strange or (key.startswith(UNREAD) and key_files.is_private(path))

    def _of_agent(self, held: dict[bytes, PKey], tried: Tried) -> Iterator[PKey]:
        for key in held.values():
            tried.keys.append(f"{getattr(key, 'comment', '') or key.get_name()} (agent)")
            yield key

    def _key(self, path: str, *, asking: bool) -> PKey | str:
        """The key in `path`, or why it cannot be used."""
        with self._lock:  # one question at a time, and each but once
            if (path, asking) not in self._read:
                self._read[path, asking] = self._opened(path, asking=asking)
            return self._read[path, asking]

    def _opened(self, path: str, *, asking: bool) -> PKey | str:
        try:
            return key_files.private(path)
        except OSError as error:
            return str(error.strerror)
        except TypeError:  # it needs a passphrase
            return self._unlocked(path) if asking else "locked"
        except (ValueError, LookupError, SSHException, UnknownKeyType) as error:
            if key_files.public(path) is not None and not key_files.is_private(path):
                return "it is a public key, and the agent does not have its private one (`ssh-add -l` lists them)"
            return key_faults.fault(path) or f"{UNREAD} ({error})"

    def _unlocked(self, path: str) -> PKey | str:
        if self._ask is None:
            return NOBODY
        for _ in range(TRIES):
            given = self._ask(f"Passphrase for {path}: ")
            if not given:
                return "no passphrase was given"
            try:
                return key_files.private(path, given.encode())
            except (ValueError, SSHException):
                continue
        return "the passphrase was wrong"
