"""How does one log in to the hosts?  The lab's key, the hosts' keys, and an ssh configuration that knows both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .programs import call

if TYPE_CHECKING:
    from .host import Host

DOOR = 22


def key_pair(path: Path, comment: str) -> Path:
    """The private key at `path`, made if it is not there; the public one is beside it."""
    if not path.exists():
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)
    return path


def public(key: Path) -> str:
    """The public half of a key, without its comment: `ssh-ed25519 AAAA…`."""
    kind, body = key.with_name(f"{key.name}.pub").read_text().split()[:2]
    return f"{kind} {body}"


def write_files(
    folder: Path, hosts: Iterable[Host], key: Path, *, doors: Mapping[str, tuple[str, int]] | None = None
) -> Path:
    """Write `known_hosts` and `ssh_config` into `folder`; the latter's path.

    `doors` are other addresses and ports than a host's own, by its name: those of a slow line, say.
    """
    known, config = folder / "known_hosts", folder / "ssh_config"
    lines, entries = [], []
    for host in hosts:
        address, port = (doors or {}).get(host.name, (host.address, DOOR))
        names = [host.name, address] if port == DOOR else [f"[{host.name}]:{port}", f"[{address}]:{port}"]
        lines.append(f"{','.join(names)} {public(host.key)}\n")
        entries.append(f"Host {host.name}\n  HostName {address}\n  Port {port}\n")
    known.write_text("".join(lines))
    common = ("User deploy", f"IdentityFile {key}", "IdentitiesOnly yes", f"UserKnownHostsFile {known}")
    strict = ("GlobalKnownHostsFile /dev/null", "StrictHostKeyChecking yes", "ConnectTimeout 10")
    config.write_text("".join(entries) + "\nHost *\n" + "".join(f"  {line}\n" for line in (*common, *strict)))
    return config
