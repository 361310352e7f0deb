"""Service state of a program that the host's own systemd starts: what to do where it does not answer."""

from __future__ import annotations

import os

from deployer.agent.program import ask
from deployer.agent.systemctl import Systemctl
from deployer.core.errors import RunFailed

PATIENCE = 10.0


def advice(service: str) -> tuple[str, str]:
    """How the service is, in words ('' where that says nothing), and what to do so that it runs.

    `systemctl enable --now` is said only where that can help: not where it has just failed.
    """
    if not os.path.isdir("/run/systemd/system"):
        return "", f"start {service} on the host"
    words = ["systemctl", "show", f"{service}.service", "--property=LoadState,ActiveState"]
    try:
        told = ask(words, Systemctl(0).environment(), patience=PATIENCE).text
    except (OSError, RunFailed):
        return "", f"`sudo systemctl status {service}` on the host says more"
    state = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    if state.get("LoadState") == "masked":
        return (
            f"{service}.service is masked",
            f"`sudo systemctl unmask {service}`, then `sudo systemctl enable --now {service}`",
        )
    if state.get("LoadState") == "not-found":
        return f"there is no {service}.service", f"start {service} as it was installed"
    if state.get("ActiveState") == "failed":
        return f"{service}.service has failed", f"`sudo journalctl -u {service} -n 20` on the host says why"
    if state.get("ActiveState") in ("active", "activating", "reloading"):
        return f"{service}.service is {state['ActiveState']}", ""
    return "", f"`sudo systemctl enable --now {service}` on the host"
