"""Is systemd there, and will it keep the processes of whoever deploys: after the logout, and from boot on?"""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import Any

from deployer.agent.context import Host
from deployer.agent.finding import finding
from deployer.agent.systemctl import Systemctl

LINGERING = "/var/lib/systemd/linger"


def findings(host: Host) -> list[dict[str, Any]]:
    """Its version, whether it answers us, and whether the manager of another user than root is always there."""
    needed = host.manager.kind == "systemd"
    if not os.path.isdir("/run/systemd/system"):
        return [
            finding("init", "no systemd", ok=not needed, hint="give the target in deploy.yaml `manager: supervisor`")
        ]
    found = [finding("init", _version())]
    if os.geteuid() != 0 and host.asked.target != "local":
        found.append(_lingering(needed=needed))
    if needed and not Systemctl().answers():
        found.append(
            finding("systemd", "does not answer this user", ok=False, hint=f"see `lingering`; then {_again()}")
        )
    return found


def _again() -> str:
    return f"`systemctl --user -M {_name()}@ status` says why"


def _version() -> str:
    try:
        told = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "systemd, whose version is not known"
    lines = told.stdout.splitlines()
    return lines[0] if lines else "systemd, whose version is not known"


def _lingering(*, needed: bool) -> dict[str, Any]:
    name = _name()
    if os.path.exists(f"{LINGERING}/{name}"):
        return finding("lingering", f"on for {name}")
    why = "processes end with the last login and do not start at boot" if needed else "logins are slower"
    hint = f"`sudo loginctl enable-linger {name}` on the host"
    return finding("lingering", f"off for {name}: {why}", ok=not needed, warn=True, hint=hint)


def _name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
