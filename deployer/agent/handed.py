"""What is a process handed besides its environment?  Its listening socket (LISTEN_FDS), and whom to tell that it is up.

The socket outlives releases.  systemd gives it to the launcher itself; under the embedded manager the launcher asks the
target's holder (agent/hold.py) for it; a rehearsal, whose port is its own, binds one.  It is descriptor 3, as systemd's
protocol has it, and it does not block: every instance of a type shares that.
"""

from __future__ import annotations

import _socket
import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # on the launcher's way: see agent/launch.py
    from collections.abc import Mapping
    from typing import Any, Optional

FIRST = 3  # of the descriptors that are handed on
BACKLOG = 4096
CONTROL = "run/hold.sock"
PATIENCE = 10.0
ANY = "::"


class NoSocket(OSError):
    """The process cannot be given its listening socket."""


def listening(root: str, kind: str, *, trial: Optional[int], address: str) -> int:
    """A descriptor of the listening socket of `kind`; of one of its own for a `trial` on that port."""
    if trial is not None:
        return int(bound(address or ANY, trial).detach())
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0":
        return FIRST
    return _held(root, kind)


def bound(address: str, port: int) -> _socket.socket:
    """A socket that listens on `port`: on every address where `address` is `::`."""
    everywhere = address == ANY
    try:
        family = _socket.AF_INET6 if everywhere else _socket.AF_INET
        made = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
        if everywhere:
            made.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
    except OSError:
        if not everywhere:
            raise
        return bound("0.0.0.0", port)  # noqa: S104 - no IPv6 here
    made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    made.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)  # what is accepted inherits it: no waiting for an ACK
    made.bind((address, port))
    made.listen(BACKLOG)
    return made


def as_first(descriptor: int) -> None:
    """Make `descriptor` the first that is handed on, to whatever this program becomes."""
    if descriptor == FIRST:
        os.set_inheritable(FIRST, True)  # noqa: FBT003 - its only argument
    else:
        os.dup2(descriptor, FIRST)


def variables(root: str, key: str, known: Mapping[str, Any]) -> dict[str, str]:
    """What systemd's protocols say in the environment of a process of the type `known`, as release.json has it."""
    made: dict[str, str] = {}
    if known.get("listen") == "socket":
        made.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=known["name"])
    if known.get("health") == "notify":  # WATCHDOG_PID is left out: it would name a shell
        made.update({name: os.environ[name] for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC") if name in os.environ})
        if not made.get("NOTIFY_SOCKET") and _heard(notice(root, key)):
            made["NOTIFY_SOCKET"] = notice(root, key)
    return made


def notice(root: str, key: str) -> str:
    """Where an agent under the embedded manager listens for what the process `key` says of itself."""
    import hashlib  # noqa: PLC0415 - where systemd is not

    return f"@deployer-{hashlib.sha256(f'{os.path.realpath(root)}/{key}'.encode()).hexdigest()}"


def socket_address(name: str) -> str:
    """The address of the datagram socket that NOTIFY_SOCKET names; one that begins with @ is in no folder."""
    return f"\0{name[1:]}" if name.startswith("@") else name


def tell_for_it() -> None:
    """Say READY=1 for a process whose release does not: its unit is of a release that does."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        speaker = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        speaker.connect(socket_address(address))
        speaker.send(b"READY=1\nWATCHDOG_USEC=0")


def near(root: str, path: str) -> tuple[int, str]:
    """An open directory, and an address of the socket `path` below `root` through it, however long `root` is."""
    folder, _, name = path.rpartition("/")
    directory = os.open(f"{root}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return directory, f"/proc/self/fd/{directory}/{name}"


def _held(root: str, kind: str) -> int:
    """The socket that the target's holder has for `kind`."""
    import array  # noqa: PLC0415 - under the embedded manager only

    directory, address = near(root, CONTROL)
    asker = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    asker.settimeout(PATIENCE)
    got = array.array("i")
    try:
        asker.connect(address)
        asker.send(f"give {kind}\n".encode())
        _, ancillary, _, _ = asker.recvmsg(64, _socket.CMSG_SPACE(got.itemsize))
    except OSError as error:
        raise NoSocket(f"nobody holds its socket ({error}); `deploy restart` fixes it") from error
    finally:
        os.close(directory)
    for level, what, content in ancillary:
        if (level, what) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            got.frombytes(content[: len(content) - len(content) % got.itemsize])
    if not got:
        raise NoSocket("nobody has opened its socket; `deploy restart` fixes it")
    return got[0]


def _heard(address: str) -> bool:
    """Whether somebody listens there."""
    speaker = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        speaker.connect(socket_address(address))
    except OSError:
        return False
    finally:
        speaker.close()
    return True
