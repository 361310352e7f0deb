"""May a host show the key that it shows?

Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deployer.core.errors import HostUnreachable
from deployer.hosts import host_certificate
from deployer.hosts.known_hosts import Key, KnownHosts, Shown, Verdict
from deployer.hosts.ssh_route import Route

if TYPE_CHECKING:
    from paramiko.transport import Transport  # type: ignore[import-untyped]


def shown(transport: Transport) -> Key:
    """The host's key; of a certificate the key that it certifies."""
    key = transport.get_remote_server_key()
    return Key(key.get_name(), key.asbytes())


def check(transport: Transport, route: Route, known: KnownHosts) -> None:
    """`HostUnreachable` unless `known` trusts what the host shows."""
    key = shown(transport)
    refusal = _certificate(transport, route, known)
    if refusal == "" and not known.revoked(key):
        return
    verdict = known.judge(key)
    if verdict is Verdict.TRUSTED:
        return
    raise of_verdict(route, key, known, verdict, refusal or "")


def of_verdict(
    route: Route, key: Key | Shown, known: KnownHosts, verdict: Verdict, certificate: str = ""
) -> HostUnreachable:
    """What a user reads of a key that is not trusted."""
    details = {"shown": key.fingerprint, "known": [entry.key.fingerprint for entry in known.keys]}
    if verdict is Verdict.REVOKED:
        message = f"its host key is revoked: {key}"
        hint = "do not connect: whoever has this key must not be trusted; ask who revoked it"
    elif verdict is Verdict.CHANGED:
        before = ", ".join(f"{entry.key} in {entry.place}" for entry in known.keys)
        message = f"its host key has CHANGED: it shows {key}, and known is {before}"
        hint = f"somebody may be in between. If the host was made anew: `ssh-keygen -R '{route.known_as}'`, then"
        hint += f" `deploy host trust {route.name}`"
    else:
        message = f"its host key is not known: {key}" if not certificate else f"{certificate}; its host key is {key}"
        hint = f"`deploy host trust {route.name}` adds it, once you have compared the fingerprint"
        if known.keys:  # of other kinds: no change, but odd all the same
            before = ", ".join(f"{entry.key} in {entry.place}" for entry in known.keys)
            message += f"; known are other kinds of key, which it does not show: {before}"
            hint = f"ask whoever runs the host why; then {hint}"
    return HostUnreachable(f"{route.name}: {message}", hint=hint, details=details)


def _certificate(transport: Transport, route: Route, known: KnownHosts) -> str | None:
    """Why the certificate that the host shows is no good, '' if it is good, None if it shows none."""
    blob = getattr(transport.get_remote_server_key(), "public_blob", None)
    if blob is None:
        return None
    certificate = Key(blob.key_type, blob.key_blob)
    host = route.known_as.removeprefix("[").partition("]")[0]
    authorities = [key for key in known.authorities if not known.revoked(key)]
    return host_certificate.objection(certificate, host=host, now=time.time(), authorities=authorities)
