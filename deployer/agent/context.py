"""What does every verb work with?  The host's files, its process manager, its lock and the session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from deployer.agent.guard import Guard
from deployer.agent.layout import Layout
from deployer.agent.lock import Lock
from deployer.agent.managers import ProcessManager
from deployer.agent.session import Session
from deployer.core.requests import Open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deployer.agent.switch import Prepared
    from deployer.agent.transfer import Offered


@dataclass
class Host:
    """One open session on this host."""

    files: Layout
    session: Session
    manager: ProcessManager
    lock: Lock
    program: str  # the agent.pyz that runs now
    asked: Open  # how the session was begun
    offered: dict[str, Offered] = field(default_factory=dict)  # this session's offers
    prepared: Optional[Prepared] = None  # the switch that is to be done next
    guard: Optional[Guard] = None  # of the pending switch of this session
