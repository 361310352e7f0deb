"""Key files: private keys in every form that ssh reads, public keys, certificates.

Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import base64
import copy
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.ssh import SSHCertificate, load_ssh_public_identity
from paramiko.ecdsakey import ECDSAKey  # type: ignore[import-untyped]
from paramiko.ed25519key import Ed25519Key  # type: ignore[import-untyped]
from paramiko.pkey import PKey, UnknownKeyType  # type: ignore[import-untyped]
from paramiko.rsakey import RSAKey  # type: ignore[import-untyped]

from deployer.hosts.ssh_agent import AgentKey

PKCS8 = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
CLASSES = ((rsa.RSAPrivateKey, RSAKey), (ec.EllipticCurvePrivateKey, ECDSAKey), (ed25519.Ed25519PrivateKey, Ed25519Key))
HEAD = 4096  # bytes in which a file says what it is


def private(path: str, passphrase: bytes | None = None) -> PKey:
    """The private key in `path`; TypeError where it needs a passphrase.  paramiko itself does not read PKCS#8."""
    content = Path(path).read_text(errors="surrogateescape")
    if not content.lstrip().startswith(PKCS8):
        return PKey.from_path(path, passphrase)
    loaded = load_pem_private_key(content.encode(errors="surrogateescape"), passphrase)
    for kind, made in CLASSES:
        if isinstance(loaded, kind):
            text = loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
            key = made.from_private_key(io.StringIO(text))
            if Path(f"{path}-cert.pub").exists():
                key.load_certificate(f"{path}-cert.pub")
            return key
    raise UnknownKeyType(key_type=type(loaded).__name__, key_bytes=b"")


def public(path: str) -> bytes | None:
    """The public key of `path`, as its bytes: of the .pub beside it, or `path` may be a public key itself."""
    for file in (f"{path}.pub", path):
        try:
            kind, blob = Path(file).read_text().split()[:2]
            found = base64.b64decode(blob, validate=True)
        except (OSError, ValueError):
            continue
        if kind.encode() in found[: len(kind) + 4]:
            return found
    return None


def is_private(path: str) -> bool:
    """Whether `path` looks like a private key, of whatever kind."""
    try:
        with open(path, "rb") as file:
            return b"PRIVATE KEY-----" in file.read(HEAD)
    except OSError:
        return False


def certified(key: PKey, certificates: Sequence[str]) -> Iterator[PKey]:
    """`key` with each of the `certificates` (files) that are of it."""
    for path in certificates:
        if _certifies(path) == key.asbytes():
            one = AgentKey(key.agent, key.blob, key.comment) if isinstance(key, AgentKey) else copy.copy(key)
            one.load_certificate(path)
            yield one


def _certifies(path: str) -> bytes | None:
    """The key that the certificate in `path` is of; None for what is no certificate that is known here."""
    try:
        loaded = load_ssh_public_identity(Path(path).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(loaded, SSHCertificate):
        return None
    return base64.b64decode(loaded.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
