"""What can an operator ask of a host's router?"""

from __future__ import annotations

from typing import Optional

from deployer.core.message import message
from deployer.core.routing import Maintenance


@message
class SetMaintenance:
    """Have the router answer 503 by itself, or (None) let the app answer again; later runs change nothing of it."""

    maintenance: Optional[Maintenance]


@message
class MaintenanceSet:
    """`routed` is false where the router has nothing of this target: then there was nothing to do."""

    routed: bool


@message
class ShowRouter:
    """What the router has of this target."""


@message
class UpstreamSeen:
    """`processes` listen at `address`, or some on another `host`; `busy` is how many requests have not ended there."""

    address: str
    processes: list[str]
    listens: bool
    busy: int
    host: str = ""


@message
class RouterSeen:
    """`kind` is '' where this target has no route on this host; `at` is where the router listens.

    `drift` says how what the router has differs from what it was told, '' if it does not; `hint` what to do where the
    router itself cannot be asked.
    """

    kind: str
    at: str
    upstreams: list[UpstreamSeen]
    maintenance: Optional[Maintenance]
    drift: str
    hint: str = ""
