"""Which client reaches a host: paramiko, or the ssh program where paramiko cannot do what is asked.

paramiko logs in to a whole fleet in one process, and is the rule.  What it cannot do is known from ssh's configuration
(`reason`), or comes out when a host is asked (`Incapable`).
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from deployer.core.errors import HostUnreachable
from deployer.hosts.ssh_route import Route

HEAD = b"-----BEGIN OPENSSH PRIVATE KEY-----"
SECURITY_KEYS = (b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com")
PUBLIC_PART = 400  # bytes: a private key begins with its public half, which is not encrypted
KRL = b"SSHKRL\n\0"
NO = ("", "no", "false")
ALWAYS = {
    "bindinterface": "BindInterface",
    "knownhostscommand": "KnownHostsCommand",
    "pkcs11provider": "PKCS11Provider",
}
IF_ON = {
    "hostbasedauthentication": "HostbasedAuthentication",
    "proxyusefdpass": "ProxyUseFdpass",
    "verifyhostkeydns": "VerifyHostKeyDNS",
}


class Incapable(Exception):
    """paramiko cannot do what this host asks; `refusal` is what a user reads where no other client can either."""

    def __init__(self, refusal: HostUnreachable) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def reason(route: Route) -> str:
    """What in the configuration of `route`, or of a host on the way, paramiko cannot do; '' for nothing."""
    on_the_way = reason(route.through) if route.through else ""
    return on_the_way or _of_options(route) or _of_files(route)


def _of_options(route: Route) -> str:
    for key, name in ALWAYS.items():
        if route.option(key):
            return name
    for key, name in IF_ON.items():
        if route.option(key) not in NO:
            return name
    path = route.option("controlpath")
    persists = route.option("controlmaster") not in NO and route.option("controlpersist") not in NO
    if path and (persists or os.path.exists(path)):
        return "ControlPath"
    methods = route.option("preferredauthentications")
    if route.option("pubkeyauthentication") in ("no", "false") or (methods and "publickey" not in methods.split(",")):
        return "a login without a key"
    return ""


def _of_files(route: Route) -> str:
    if any(is_security_key(path) for path in route.identities):
        return "a security key"
    if any(_begins(path, len(KRL)) == KRL for path in route.revoked):
        return "a list of revoked keys (KRL)"
    return ""


def is_security_key(path: str | Path) -> bool:
    """Whether the file is a security key's (FIDO): its private half is in a token."""
    content = _begins(path, 4 * PUBLIC_PART).strip()
    if not content.startswith(HEAD):
        return False
    packed = b"".join(content.removeprefix(HEAD).split())[: PUBLIC_PART // 4 * 4]
    try:
        return any(kind in base64.b64decode(packed[: len(packed) // 4 * 4]) for kind in SECURITY_KEYS)
    except ValueError:
        return False


def _begins(path: str | Path, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:  # told by whoever logs in with it
        return b""
