"""What does every verb work with?  The host's files, its process manager, its lock and the session."""

from __future__ import annotations

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


class Host:
    """One open session on this host: `program` is the agent.pyz that runs now, `asked` how the session was begun."""

    def __init__(  # noqa: PLR0917 - what a session is made of
        self, files: Layout, session: Session, manager: ProcessManager, lock: Lock, program: str, asked: Open
    ) -> None:
        self.files, self.session, self.manager, self.lock = files, session, manager, lock
        self.program, self.asked = program, asked
        self.offered: dict[str, Offered] = {}  # this session's offers
        self.prepared: Optional[Prepared] = None  # the switch that is to be done next
        self.guard: Optional[Guard] = None  # of the pending switch of this session
