"""Can requests come through the router that the target is to have?"""

from __future__ import annotations

import os
from typing import Any

from deployer.agent.context import Host
from deployer.agent.finding import finding
from deployer.agent.router_caddy import MIGRATE
from deployer.agent.routers import router_of
from deployer.core.routing import CADDY, Router


def findings(host: Host, router: Router) -> list[dict[str, Any]]:
    """Whether it answers, and what it cannot do for who we are; nothing where there is to be none."""
    if not router.kind:
        return []
    if problem := router_of(host.files, router).hindrance():
        return [finding("router", problem[0], ok=False, hint=problem[1])]
    if router.kind == CADDY and os.geteuid() != 0:
        return [finding("router", "caddy answers", warn=True, hint=_without_root())]
    return [finding("router", f"{router.kind} answers")]


def _without_root() -> str:
    hint = "when caddy is restarted, `deploy restart` has to put the route back: `sudo: true` does that by itself"
    try:
        with open(MIGRATE, encoding="ascii") as file:
            handed_on = file.read().strip() == "1"
    except FileNotFoundError:  # before Linux 5.14
        return hint
    return hint if handed_on else f"{hint}; and `sysctl net.ipv4.tcp_migrate_req=1`, or a move may reset connections"
