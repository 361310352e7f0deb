"""Where does a host's name lead?  What ssh_config(5) and deploy.yaml say: address, user, keys, the way there."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.core.errors import SettingsError
from deployer.hosts.openssh import expansion
from deployer.hosts.openssh.parsed import BETWEEN
from deployer.hosts.openssh.resolve import Options, Resolver

PORT = 22
MOST_JUMPS = 16
NAMED = re.compile(r"(?:(?P<user>.*)@)?(?P<host>\[.+\]|[^:]*|.*:.*:.*?)(?::(?P<port>[0-9]+))?\Z")  # user@host:port
UNSAFE = re.compile(r"^-|[\s'\"`$\\;&<>|(){}\x00-\x1f\x7f]")  # what ssh itself refuses in a name, for ProxyCommand
USUAL = re.compile(r"~/\.ssh/id_\w+\Z")  # `ssh -G` lists a row of them where no IdentityFile is set
ALGORITHMS = ("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms")


@dataclass(frozen=True)
class Route:
    """The way to one host.  `through` is the host to jump from, `command` a ProxyCommand; '' and None for neither."""

    name: str  # as it was asked for
    host: str
    port: int
    user: str
    known_as: str  # the name and port under which known_hosts has it
    alias: str = ""  # the name without user and port: what ssh is asked for
    identities: tuple[str, ...] = ()  # files; none: the usual ones
    certificates: tuple[str, ...] = ()  # files
    only_identities: bool = False
    agent: str = ""  # its socket; '' for none
    known_hosts: tuple[Path, ...] = ()  # the first is the one to add to
    revoked: tuple[Path, ...] = ()  # files of keys that are not to be used any more
    hashed: bool = False
    family: socket.AddressFamily = socket.AF_UNSPEC
    source: str = ""  # the address to connect from
    connect_timeout: float = 0.0  # seconds; 0 where ssh's configuration says nothing
    algorithms: tuple[tuple[str, ...], ...] = ()  # those that may be used, in the order of ALGORITHMS; none: all
    options: tuple[tuple[str, str], ...] = ()  # all that ssh's configuration says: the first value of each
    asked: tuple[str, ...] = ()  # what `ssh` is given before the alias: a user and a port, where they do not come of it
    command: str = ""
    through: Route | None = None

    @property
    def address(self) -> str:
        """Host and port for messages."""
        return self.host if self.port == PORT else f"{self.host}:{self.port}"

    def allowed(self, kind: str) -> tuple[str, ...]:
        """The algorithms of one of ALGORITHMS that may be used; none: all."""
        return self.algorithms[ALGORITHMS.index(kind)] if self.algorithms else ()

    def option(self, name: str) -> str:
        """What ssh's configuration says of `name`; '' for nothing."""
        return dict(self.options).get(name, "")


class Routes:
    """The ways to the hosts of one command, by the caller's ssh configuration."""

    def __init__(self, home: Path, cache: Path | None = None) -> None:
        self.resolver = Resolver(home, cache)
        self._home = home

    def to(self, name: str, *, user: str = "", port: int = 0) -> Route:
        """The way to `name`; `user` and `port`, where given, win over the configuration's."""
        if UNSAFE.search(name) or UNSAFE.search(user):
            raise SettingsError(f"{name!r}, user {user!r}: not a host's name, or not a user's", hint="fix deploy.yaml")
        return self._route(name, user, port, None, (name,))

    def _route(self, name: str, user: str, port: int, through: Route | None, seen: tuple[str, ...]) -> Route:
        given = NAMED.match(name)
        assert given is not None  # whatever is no port belongs to the name
        if len(seen) > MOST_JUMPS:
            raise SettingsError(f"{seen[0]}: its ProxyJump leads in a circle: {' → '.join(seen[:4])} …", hint=FIX)
        alias = given["host"].strip("[]")
        user, port = user or given["user"] or "", port or int(given["port"] or 0)
        asked = (*(("-l", user) if user else ()), *(("-p", str(port)) if port else ()))
        said = self.resolver.options(alias, asked)
        host, number = _one(said, "hostname") or alias, _number(name, _one(said, "port") or str(PORT))
        if UNSAFE.search(host):
            raise SettingsError(f"{name}: {host!r} is not a host's name", hint="fix HostName in ~/.ssh/config")
        jump = "none" if through else _one(said, "proxyjump") or "none"
        for hop in [] if jump == "none" else jump.split(","):
            if hop not in (name, host):  # `Host *` holds for the jump host too
                through = self._route(hop.strip().removeprefix("ssh://"), "", 0, through, (*seen, hop))
        route = self._made(name, alias, host, number, said)
        return replace(route, asked=asked, through=through, command="" if through else route.command)

    def _made(self, name: str, alias: str, host: str, port: int, said: Options) -> Route:
        user = _one(said, "user") or _name()
        known_as = _one(said, "hostkeyalias")
        values = {"h": host, "n": alias, "p": str(port), "r": user, "k": known_as or alias, **_here(user, self._home)}
        identities = tuple(said.get("identityfile", ()))
        usual = len(identities) > 1 and all(map(USUAL.match, identities))
        return Route(
            name=name,
            host=host,
            port=port,
            user=user,
            known_as=(known_as or (host if port == PORT else f"[{host}]:{port}")).lower(),
            alias=alias,
            identities=() if usual else tuple(self._paths(identities, values)),
            certificates=tuple(self._paths(said.get("certificatefile", ()), values)),
            only_identities=_one(said, "identitiesonly") == "yes",
            agent=expansion.path(expansion.agent(_one(said, "identityagent")), values, self._home),
            known_hosts=tuple(self._known_hosts(said, values)),
            revoked=tuple(map(Path, self._paths(_split(_one(said, "revokedhostkeys")), values))),
            hashed=_one(said, "hashknownhosts") == "yes",
            family={"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(
                _one(said, "addressfamily"), socket.AF_UNSPEC
            ),
            source=_one(said, "bindaddress"),
            connect_timeout=_seconds(_one(said, "connecttimeout")),
            algorithms=tuple(tuple(filter(None, _one(said, kind).split(","))) for kind in ALGORITHMS),
            options=tuple((key, _one(said, key)) for key in said if _one(said, key)),
            command=expansion.tokens(_one(said, "proxycommand"), values),
        )

    def _paths(self, said: Iterable[str], values: Mapping[str, str]) -> Iterator[str]:
        return (expansion.path(one, values, self._home) for one in said if one.lower() != "none")

    def _known_hosts(self, said: Options, values: Mapping[str, str]) -> Iterator[Path]:
        mine = BETWEEN.join(f"{self._home}/.ssh/{name}" for name in ("known_hosts", "known_hosts2"))
        system = BETWEEN.join(f"/etc/ssh/{name}" for name in ("ssh_known_hosts", "ssh_known_hosts2"))
        for key, usual in (("userknownhostsfile", mine), ("globalknownhostsfile", system)):
            yield from map(Path, self._paths(_split(_one(said, key) or usual), values))


FIX = "fix ~/.ssh/config"
NONE_IS_SAID = ("identityagent", "userknownhostsfile", "globalknownhostsfile")  # where it is not as if nothing were


def _one(said: Options, key: str) -> str:
    """The value of `key`, '' where it has none."""
    value = (said.get(key) or ("",))[0]
    return "" if value.lower() == "none" and key not in NONE_IS_SAID else value


def _number(name: str, said: str) -> int:
    if not said.isascii() or not said.isdigit():
        raise SettingsError(f"{name}: ssh's configuration: Port: not a number: {said}", hint=FIX)
    return int(said)


def _seconds(said: str) -> float:
    """A time of ssh's: seconds, or 1m30s."""
    if not re.fullmatch(r"(\d+[sSmMhHdDwW]?)+", said):
        return 0.0
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return float(sum(int(number) * units[unit.lower()] for number, unit in re.findall(r"(\d+)([a-zA-Z]?)", said)))


def _split(said: str) -> list[str]:
    """The paths of a value in which `ssh -G` puts a space between them, and may have one inside of them."""
    if BETWEEN in said:
        return said.split(BETWEEN)
    found: list[str] = []
    for word in said.split(" "):
        begins = word.startswith(("/", "~", "%", "$")) or not found
        if begins and not (found and os.path.exists(f"{found[-1]} {word}")):
            found.append(word)
        else:
            found[-1] += f" {word}"
    return [path for path in found if path]


def _here(user: str, home: Path) -> dict[str, str]:
    """The tokens of the machine and the caller; `user` where the caller has no name."""
    here = os.uname().nodename
    try:
        caller = getpass.getuser()
    except (KeyError, OSError):  # a container's user without one
        caller = user
    return {"d": str(home), "u": caller, "i": str(os.getuid()), "l": here, "L": here.partition(".")[0]}


def _name() -> str:
    """The caller's name, as ssh would take it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        raise SettingsError(
            f"this user (uid {os.getuid()}) has no name to log in with",
            hint="say `user:` for the target in deploy.yaml, or export USER",
        ) from None
