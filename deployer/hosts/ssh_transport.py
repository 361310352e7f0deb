"""How is paramiko's transport tuned, and how does it reach the other end?

Measured: TCP_NODELAY makes a request 9 times quicker, AES-GCM halves the CPU of a transfer.  A silent network ends a
connection after `silence` seconds by TCP_USER_TIMEOUT, which the session's heartbeat keeps supplied with bytes.
Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from paramiko.ssh_exception import SSHException  # type: ignore[import-untyped]
from paramiko.transport import Transport  # type: ignore[import-untyped]

from deployer.core.errors import HostUnreachable
from deployer.hosts.openssh import expansion
from deployer.hosts.openssh.takeover import Incapable
from deployer.hosts.ssh_route import Route
from deployer.hosts.ssh_settings import SshSettings

OURS = {"ciphers": "ciphers", "macs": "macs", "kex": "kexalgorithms", "keys": "hostkeyalgorithms",
        "pubkeys": "pubkeyacceptedalgorithms"}  # fmt: skip  # paramiko's words for ssh's
CERTIFIED = "-cert-v01@openssh.com"
RSA = ("rsa-sha2-512", "rsa-sha2-256")  # how a key of type ssh-rsa signs


class HungUp(Exception):
    """The other end has closed the connection."""


class Tuned(Transport):  # type: ignore[misc]
    """A transport that prefers AES-GCM, and the types of host keys that it is told of."""

    _preferred_ciphers = tuple(
        sorted(Transport._preferred_ciphers, key=lambda name: "gcm" not in name)  # noqa: SLF001 - paramiko's own way
    )

    def __init__(
        self, sock: Any, settings: SshSettings, kinds: Sequence[str], *, certified: bool, refused: dict[str, list[str]]
    ) -> None:
        self._kinds, self._certified = kinds, certified
        super().__init__(sock, disabled_algorithms=refused)
        self.banner_timeout = settings.connect_timeout
        self.handshake_timeout = self.auth_timeout = self.channel_timeout = settings.login_timeout
        self.daemon = True

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Types of host keys: certificates where an authority is known, then those that are known, then the rest."""
        wanted = [algorithm for kind in self._kinds for algorithm in (RSA if kind == "ssh-rsa" else (kind,))]
        plain = self._filter_algorithm("keys")
        first = sorted(plain, key=lambda kind: wanted.index(kind) if kind in wanted else len(wanted))
        return (*(f"{kind}{CERTIFIED}" for kind in plain if self._certified), *first)


def refused(route: Route) -> dict[str, list[str]]:
    """The algorithms of ours that ssh's configuration does not allow; `Incapable` where it allows none of a kind."""
    found = {}
    for kind, name in OURS.items():
        known, allowed = getattr(Tuned, f"_preferred_{kind}"), route.allowed(name)
        found[kind] = [algorithm for algorithm in known if allowed and algorithm not in allowed]
        if len(found[kind]) == len(known):
            raise Incapable(
                HostUnreachable(
                    f"{route.name}: of {', '.join(allowed)} ({name} in ssh's configuration) none is known here",
                    hint="install the ssh program, which takes over then (Debian: apt install openssh-client)",
                )
            )
    return found


def negotiate(transport: Tuned) -> None:
    """Exchange keys; raises what paramiko does, `HungUp` where the other end closes, `TimeoutError`."""
    done = threading.Event()
    transport.start_client(event=done)
    try:
        if not done.wait(transport.banner_timeout + transport.handshake_timeout):
            raise TimeoutError("the key exchange did not end")
        if not transport.is_active():
            error = transport.get_exception() or EOFError()
            under = error.__context__ if isinstance(error, SSHException) else error  # it wraps what it met
            if isinstance(under, EOFError):
                raise HungUp from error
            raise under if isinstance(under, OSError) else error
    finally:
        transport.packetizer.complete_handshake()  # ends its timer, which would keep the program from ending


def reach(route: Route, settings: SshSettings) -> socket.socket:
    """A connection with the sshd of `route`, direct or by its ProxyCommand; `OSError`."""
    if route.command:
        return _by_command(route.command)
    reached = _connected(route, settings.patience(route))
    reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(settings.silence * 1000))
    return reached


def _connected(route: Route, timeout: float) -> socket.socket:
    """The first of the host's addresses that takes a connection; the last one's `OSError` where none does."""
    failure: OSError = OSError(f"{route.host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        route.host, route.port, route.family, socket.SOCK_STREAM
    ):
        reached = socket.socket(family, kind, protocol)
        try:
            reached.settimeout(timeout)
            if route.source:
                reached.bind((route.source, 0))
            reached.connect(address)
        except OSError as error:
            reached.close()
            failure = error
        else:
            return reached
    raise failure


def _by_command(command: str) -> socket.socket:
    """The user's own ProxyCommand, run by the user's shell, as ssh does; it ends when our end of the pair is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [expansion.shell(), "-c", f"exec {command}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()
    return ours
