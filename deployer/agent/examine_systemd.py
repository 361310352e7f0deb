"""Is systemd there, and does it keep the processes of whoever deploys: after the logout, and from boot on?"""

from __future__ import annotations

import glob
import os
from typing import Any

from deployer.agent.context import Host
from deployer.agent.environment import PATH
from deployer.agent.finding import finding
from deployer.agent.program import ask
from deployer.agent.systemctl import Systemctl
from deployer.agent.user import lingers
from deployer.core.errors import RunFailed

UNKNOWN = "systemd, whose version is not known"


def findings(host: Host, name: str, *, systemd: bool) -> list[dict[str, Any]]:
    """Its version, whether it answers us where it has to, and whether the user `name` has a manager at all times.

    `systemd`: it keeps the processes, or will from the next run on.
    """
    if not os.path.isdir("/run/systemd/system"):
        return [finding("init", "no systemd")]
    found = [finding("init", _version())]
    if os.geteuid() != 0 and host.asked.target != "local":
        found.append(_lingering(name, needed=systemd))
    if systemd and not Systemctl().answers():
        hint = "`systemctl --user status` on the host says more"
        found.append(finding("systemd", f"does not answer {name}", ok=False, hint=hint))
    elif systemd and os.geteuid() != 0:
        found.append(_journal(name))
    return found


def _journal(user: str) -> dict[str, Any]:
    """Whether the user may read what its processes write."""
    mine = [
        *glob.glob(f"/var/log/journal/*/user-{os.geteuid()}.journal"),
        *glob.glob("/var/log/journal/*/system.journal"),
    ]
    shared = glob.glob("/run/log/journal/*/system.journal")
    readable = any(os.access(path, os.R_OK) for path in (*mine, *shared))
    hint = f"`sudo usermod --append --groups systemd-journal {user}` on the host"
    return finding("journal", "readable" if readable else f"not readable for {user}", warn=not readable, hint=hint)


def _version() -> str:
    try:
        told = ask(["systemctl", "--version"], {"PATH": PATH, "LANG": "C.UTF-8"}, patience=10)
    except (OSError, RunFailed):
        return UNKNOWN
    return next(iter(told.text.splitlines()), UNKNOWN)


def _lingering(user: str, *, needed: bool) -> dict[str, Any]:
    if lingers(user):
        return finding("lingering", f"on for {user}")
    why = "processes end with the last login and do not start at boot" if needed else "every login takes longer"
    hint = f"`sudo loginctl enable-linger {user}` on the host"
    return finding("lingering", f"off for {user}: {why}", ok=not needed, warn=True, hint=hint)
