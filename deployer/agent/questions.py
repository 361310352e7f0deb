"""Health checks under way: the requests that a process is sent, until one of them is answered well.

An answer may take as long as the process has to come up, so the first request is left to wait; but an app may have lost
it while it was starting, so there is another one after a while, and each after a longer one.
"""

from __future__ import annotations

import time
from typing import Callable

from deployer.agent.probe import Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

PATIENCE, GROWTH = 5.0, 2.0
CERTAIN = 3  # answers in a row that are none of HTTP: this is no app that is starting
NO_CONNECTION = "has taken no connection"


class Questions:
    """What one process is sent: `ask` sends one more; `nothing` is what is wrong where no answer has come yet.

    `asked` is when that was sent which was answered last (of the monotonic clock), `status` what the last bad answer
    was.  `hopeless`: there is nobody who could answer.
    """

    def __init__(self, ask: Callable[[], Probe], nothing: str) -> None:
        self._ask, self._nothing = ask, nothing
        self._open: list[Probe] = []
        self._patience, self._foreign, self._bad, self._others = PATIENCE, 0, "", 0
        self.asked, self.status, self.blind, self.hopeless = 0.0, 0, False, False

    @property
    def doubt(self) -> str:
        """What is wrong, as far as is known."""
        if self._bad or any(probe.taken for probe in self._open):
            return self._bad or self._nothing
        return NO_CONNECTION

    @property
    def others(self) -> int:
        """How many of our connections have been taken by other processes on its socket."""
        return self._others + sum(probe.others for probe in self._open)

    @property
    def waiting(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self._open)

    def passed(self) -> bool:
        """Whether it has answered well; it is asked, and asked again, until it has."""
        found = self.answered()
        if found is not None and found.passed:
            self.end()
            return True
        if found is not None:
            self._foreign = self._foreign + 1 if found.foreign else 0
            self._bad, self.status, self.hopeless = found.answer, found.status, self._foreign >= CERTAIN
        if not self._open:
            self.begin()
        elif time.monotonic() - self._open[-1].begun > self._patience:
            self._patience *= GROWTH
            self.begin()
        return False

    def answered(self) -> Optional[Probe]:
        """A good answer that has come, else a bad one; None while there is neither."""
        ended = [probe for probe in self._open if probe.answer]
        self._open = [probe for probe in self._open if probe not in ended]
        self._others += sum(probe.others for probe in ended)
        found = next((probe for probe in ended if probe.passed), ended[0] if ended else None)
        if found is not None:
            self.asked, self.blind = found.begun, found.blind
        return found

    def begin(self) -> None:
        """Ask once more."""
        self._open.append(self._ask())

    def end(self) -> None:
        """Nobody waits for an answer any more."""
        for probe in self._open:
            probe.end()
        self._open = []
