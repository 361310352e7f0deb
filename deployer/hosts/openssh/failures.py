"""Why did a login by the ssh program fail?  The same words as for paramiko's (ssh_refusals.py).

ssh ends with 255 whatever went wrong, and says more in its log alone.  Nothing is decided by that text but which
explanation a person reads; whom to trust is judged by known_hosts.  Imported only after a failure.
"""

from __future__ import annotations

import contextlib
import re
import socket
from typing import TYPE_CHECKING

from deployer.core.errors import HostUnreachable
from deployer.hosts import quick_paramiko
from deployer.hosts.known_hosts import KnownHosts, Shown, Verdict
from deployer.hosts.openssh.client import Passing
from deployer.hosts.ssh_route import Route

if TYPE_CHECKING:
    from deployer.hosts.openssh.client import OpenSsh

WHERE = re.MULTILINE
LET_IN = re.compile(r"^(?:debug1: )?(?:Authenticated to |mux_client_request_session: master session id)", WHERE)
NO_SESSION = re.compile(r"(?:channel \d+: open failed|session request failed): (.*)$", WHERE)
SHOWN = re.compile(r"^debug1: Server host key: (\S+?)(?:-cert-v01@openssh\.com)? (SHA256:\S+)", WHERE)
CERTIFICATE = re.compile(r"^debug1: Server host certificate: ", WHERE)
DENIED = re.compile(r"Permission denied \(([^)]*)\)")
PARTIAL = re.compile(r'Authenticated using "\S+" with partial success')
KEY = r"(?: (?:ED25519|ECDSA|RSA)\S*(?: .*)?)?"  # what follows the path
OFFERED = re.compile(rf"^debug1: (?:Offering public key|Trying private key): (.*?){KEY}$", WHERE)
NO_MATCH = re.compile(r"no matching [a-zA-Z ]+ found\. Their offer: \S+")
TOO_MANY = "Too many authentication failures"
CAUSES: tuple[tuple[str, type[Exception]], ...] = (
    ("Could not resolve hostname", socket.gaierror),
    ("Connection refused", ConnectionRefusedError),
    ("timed out", TimeoutError),
    ("Connection reset", ConnectionResetError),
    ("Connection closed", ConnectionResetError),
    ("Broken pipe", BrokenPipeError),
)


def was_let_in(log: str) -> bool:
    """Whether the login succeeded and a session was opened."""
    return LET_IN.search(log) is not None and NO_SESSION.search(log) is None


def refusal(client: OpenSsh, route: Route, known: KnownHosts | None, log: str, complaint: str) -> HostUnreachable:
    """What a user reads of a login that failed."""
    quick_paramiko.load()
    from deployer.hosts import ssh_refusals as refusals  # noqa: PLC0415 - imports paramiko

    said = f"{log}\n{complaint}"
    if LET_IN.search(log):
        found = NO_SESSION.search(log)
        return refusals.no_channel(route, OSError(found[1] if found else last(said)))
    of_key = _of_key(route, known, log) if known else None
    if of_key:
        return of_key
    if not SHOWN.search(log) and route.through and not NO_MATCH.search(said):
        return _on_the_way(client, route, route.through, said)
    if PARTIAL.search(said):
        return refusals.more_asked(route, _methods(said))
    if DENIED.search(said) or TOO_MANY in said:
        return _denied(route, said)
    matching = NO_MATCH.search(said)
    if matching:
        return HostUnreachable(
            f"{route.name}: it has no way of encrypting in common with ssh: {matching[0]}",
            hint="update its sshd, or allow one of these in ~/.ssh/config (Ciphers, MACs, KexAlgorithms …)",
        )
    return _of_connection(route, client, said)


def _of_key(route: Route, known: KnownHosts, log: str) -> HostUnreachable | None:
    """What is wrong with the key that the host showed; None for nothing, or if it showed none."""
    from deployer.hosts.host_key import of_verdict  # noqa: PLC0415 - imports paramiko and cryptography

    shown = SHOWN.search(log)
    if not shown:
        return None
    key = Shown(shown[1], shown[2])
    verdict = known.judge(key)
    if verdict is Verdict.TRUSTED or (CERTIFICATE.search(log) and DENIED.search(log)):
        return None
    odd = "its certificate is signed by no authority that is known for it" if CERTIFICATE.search(log) else ""
    return of_verdict(route, key, known, verdict, odd)


def _on_the_way(client: OpenSsh, route: Route, gateway: Route, said: str) -> HostUnreachable:
    """Why the host was not even reached: the gateway is asked by itself."""
    channel = client.opened(gateway, "true")
    with contextlib.suppress(OSError):  # silent: told below
        channel.reader.read()
    channel.drop()
    return channel.refusal() or HostUnreachable(
        f"{route.name}: {route.address} through {gateway.name} cannot be reached from there: {last(said)}",
        hint=f"`ssh -v {route.alias}` tells more",
    )


def _denied(route: Route, said: str) -> HostUnreachable:
    from deployer.hosts import ssh_refusals as refusals  # noqa: PLC0415 - imports paramiko

    allowed = _methods(said)
    if allowed and "publickey" not in allowed:
        return refusals.no_keys_taken(route, allowed)
    keys = list(dict.fromkeys(OFFERED.findall(said)))
    tried = f"tried {', '.join(keys)}" if keys else "there was no key to try"
    locked = list(filter(_is_locked, route.identities))
    for path in locked:
        tried += f"; {path}: it has a passphrase, for which the ssh program is not to ask (`ssh-add` it first)"
    return refusals.not_let_in(route, tried, closed=TOO_MANY in said, locked=locked[0] if locked else "")


def _is_locked(path: str) -> bool:
    from deployer.hosts.ssh_key_files import private  # noqa: PLC0415 - imports paramiko

    try:
        private(path)
    except TypeError:
        return True
    except Exception:  # noqa: BLE001 - one that cannot be read is not locked; ssh says the rest
        return False
    return False


def _methods(said: str) -> list[str]:
    found = DENIED.findall(said)
    return [method for method in found[-1].split(",") if method] if found else []


def _of_connection(route: Route, client: OpenSsh, said: str) -> HostUnreachable:
    from deployer.hosts import ssh_refusals as refusals  # noqa: PLC0415 - imports paramiko

    for text, kind in CAUSES:
        if text in said:
            told = refusals.of_connection(route, kind(), client.settings)
            made = Passing if issubclass(kind, ConnectionError) else HostUnreachable
            return made(told.message, hint=told.hint, output=told.output)
    why = f"ssh says: {last(said)}" if last(said) else "the login by the ssh program did not come to its end"
    return HostUnreachable(f"{route.name}: {why}", hint=f"`ssh -v {route.alias}` tells more")


def last(said: str) -> str:
    """The last line of ssh's that is for people; '' for none."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("debug1:")]
    return lines[-1] if lines else ""
