"""Where does a host's name lead?  What ssh_config(5) and deploy.yaml say: address, user, keys, the way there.

Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import getpass
import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paramiko.config import SSHConfig  # type: ignore[import-untyped]
from paramiko.ssh_exception import ConfigParseError, CouldNotCanonicalize  # type: ignore[import-untyped]

from deployer.core.errors import SettingsError
from deployer.hosts import quick_paramiko

SYSTEM = Path("/etc/ssh")
PORT = 22
DEEPEST = 16  # files that include each other, as in ssh
NAMED = re.compile(r"(?:(?P<user>.*)@)?(?P<host>\[.+\]|[^:]*|.*:.*:.*?)(?::(?P<port>[0-9]+))?\Z")  # user@host:port
UNSAFE = re.compile(r"^-|[\s'\"`$\\;&<>|(){}\x00-\x1f\x7f]")  # what ssh itself refuses in a name, for ProxyCommand


@dataclass(frozen=True)
class Route:
    """The way to one host.  `through` is the host to jump from, `command` a ProxyCommand; '' and None for neither."""

    name: str  # as it was asked for
    host: str
    port: int
    user: str
    known_as: str  # the name and port under which known_hosts has it
    identities: tuple[str, ...] = ()  # files; none: the usual ones
    only_identities: bool = False
    agent: bool = True
    known_hosts: tuple[Path, ...] = ()  # the first is the one to add to
    hashed: bool = False
    command: str = ""
    through: Route | None = None

    @property
    def address(self) -> str:
        """Host and port for messages."""
        return self.host if self.port == PORT else f"{self.host}:{self.port}"


class Routes:
    """The caller's ssh configuration, read once."""

    def __init__(self, home: Path) -> None:
        quick_paramiko.load()
        self._home = home
        self._config = SSHConfig()
        for path in (home / ".ssh" / "config", SYSTEM / "ssh_config"):
            try:
                self._config.parse(_lines(path, path.parent, 0))
            except ConfigParseError as error:
                raise SettingsError(f"{path}: {error}", hint=f"fix {path}") from error

    def to(self, name: str, *, user: str = "", port: int = 0) -> Route:
        """The way to `name`; `user` and `port`, where given, win over the configuration's."""
        if UNSAFE.search(name) or UNSAFE.search(user):
            raise SettingsError(f"{name!r}, user {user!r}: not a host's name, or not a user's", hint="fix deploy.yaml")
        try:
            return self._route(name, user or None, port or None, None)
        except RecursionError:
            raise SettingsError(f"{name}: its ProxyJump leads in a circle", hint="fix ~/.ssh/config") from None
        except (ConfigParseError, CouldNotCanonicalize, ValueError) as error:
            raise SettingsError(f"{name}: in ~/.ssh/config: {error}", hint="fix ~/.ssh/config") from error

    def _route(self, name: str, user: str | None, port: int | None, through: Route | None) -> Route:
        given = NAMED.match(name)
        assert given is not None  # whatever is no port belongs to the name
        said = self._config.lookup(given["host"].strip("[]"))
        host, number = str(said["hostname"]), port or int(given["port"] or said.get("port", PORT))
        if UNSAFE.search(host):
            raise SettingsError(f"{name}: {host!r} is not a host's name", hint="fix HostName in ~/.ssh/config")
        jump = "none" if through else said.get("proxyjump", "none")
        for hop in [] if jump == "none" else jump.split(","):
            if hop not in (name, host):  # `Host *` holds for the jump host too
                through = self._route(hop.strip().removeprefix("ssh://"), None, None, through)
        return Route(
            name=name,
            host=host,
            port=number,
            user=user or given["user"] or said.get("user") or _name(),
            known_as=(said.get("hostkeyalias") or (host if number == PORT else f"[{host}]:{number}")).lower(),
            identities=tuple(os.path.expanduser(path) for path in said.get("identityfile", [])),
            only_identities=said.get("identitiesonly", "no") == "yes",
            agent=said.get("identityagent", "") != "none",
            known_hosts=tuple(self._files(said)),
            hashed=said.get("hashknownhosts", "no") == "yes",
            command="" if through else said.get("proxycommand") or "",
            through=through,
        )

    def _files(self, said: dict[str, str]) -> Iterator[Path]:
        mine = f"{self._home}/.ssh/known_hosts {self._home}/.ssh/known_hosts2"
        system = f"{SYSTEM}/ssh_known_hosts {SYSTEM}/ssh_known_hosts2"
        for files in (said.get("userknownhostsfile", mine), said.get("globalknownhostsfile", system)):
            for path in files.split():
                if path != "none":
                    yield Path(path.replace("%d", str(self._home))).expanduser()


def _name() -> str:
    """The caller's name, as ssh would take it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        raise SettingsError(
            f"this user (uid {os.getuid()}) has no name to log in with",
            hint="say `user:` for the target in deploy.yaml, or export USER",
        ) from None


def _lines(path: Path, folder: Path, depth: int) -> Iterator[str]:
    """The lines of a configuration; for an Include those of the files, which paramiko's parser does not know."""
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()
    except OSError:  # ssh does without it, too
        return
    block = "Host *"
    for line in lines:
        key, _, value = line.strip().replace("=", " ", 1).partition(" ")
        if key.lower() == "include" and depth < DEEPEST:
            for pattern in value.replace('"', " ").split():
                for found in sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern)))):
                    yield from _lines(Path(found), folder, depth + 1)
            yield block  # a Host of the included file ends with it
        else:
            block = line if key.lower() in ("host", "match") else block
            yield line
