"""May a host show this certificate?  OpenSSH's host certificates, against the authorities of known_hosts.

PROTOCOL.certkeys of OpenSSH; the signature is checked by `cryptography`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.ssh import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from deployer.hosts import known_hosts
from deployer.hosts.known_hosts import Key


def objection(certificate: Key, *, host: str, now: float, authorities: Sequence[Key]) -> str:
    """Why `host` may not show this certificate; '' if it may.  `now` in seconds since the epoch."""
    try:
        shown = _loaded(certificate)
        authority = _public(shown)
        shown.verify_cert_signature()
    except (InvalidSignature, ValueError) as error:
        return f"its certificate is damaged: {error}"
    if authority not in authorities:
        return f"its certificate is signed by {authority}, which is no authority for it"
    if shown.type != SSHCertificateType.HOST:
        return "its certificate is a user's, not a host's"
    if shown.critical_options:
        return f"its certificate demands what is not known: {', '.join(o.decode() for o in shown.critical_options)}"
    if not shown.valid_after <= now < shown.valid_before:
        return "its certificate is not valid now"
    names = [name.decode(errors="replace") for name in shown.valid_principals]
    if names and not any(known_hosts.matches(name, host) for name in names):
        return f"its certificate is not for {host}"
    return ""


def _loaded(certificate: Key) -> SSHCertificate:
    line = certificate.kind.encode() + b" " + base64.b64encode(certificate.blob)
    loaded = load_ssh_public_identity(line)
    if not isinstance(loaded, SSHCertificate):
        raise ValueError("it is not a certificate")  # noqa: TRY004 - of its content, not of a variable
    return loaded


def _public(certificate: SSHCertificate) -> Key:
    kind, blob = certificate.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()
    return Key(kind.decode(), base64.b64decode(blob))
