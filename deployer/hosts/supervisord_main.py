"""supervisord as it runs on a host: with its back-off capped, and every end of a process noted.

Travels beside supervisor's own code (hosts/supervisor_package.py) and runs inside supervisord, in the target's root.
The standard library, supervisor and Python 3.9 only.
"""

from __future__ import annotations

import json
import os
import time

from supervisor import process, supervisord  # type: ignore[import-untyped]
from supervisor.states import ProcessStates  # type: ignore[import-untyped]

EXITS = "run/exits"
LONGEST_BACKOFF = 60


class Process(process.Subprocess):  # type: ignore[misc]
    """A process whose last end `deploy ps` can tell, and that is never left waiting for longer than a minute."""

    def change_state(self, new_state: int, expected: bool = True) -> object:  # noqa: FBT001, FBT002 - supervisor's own
        """Change the state; the wait before the next start grows by a second each time, up to LONGEST_BACKOFF."""
        changed = super().change_state(new_state, expected)
        if new_state == ProcessStates.BACKOFF:
            self.delay: float = min(self.delay, time.time() + LONGEST_BACKOFF)
        return changed

    def finish(self, pid: int, sts: int) -> None:
        """Note how it ended: supervisor itself forgets the status of a process that ended too early."""
        try:
            note(self.config.name, sts, time.time() - self.laststart)
        except OSError as error:  # a full disk is no reason to lose the process
            message = f"cannot note the end of {self.config.name}: {error}"
            self.config.options.logger.warn(message)  # noqa: G010 - supervisor's own logger
        super().finish(pid, sts)


def note(name: str, status: int, seconds: float) -> None:
    """Write the wait status and the length of the life of the process `name`."""
    os.makedirs(EXITS, mode=0o700, exist_ok=True)
    part = f"{EXITS}/.tmp-{name}"
    with open(part, "w", encoding="utf-8") as file:
        json.dump({"status": status, "seconds": round(max(seconds, 0), 3)}, file)
    os.rename(part, f"{EXITS}/{name}.json")


if __name__ == "__main__":
    process.Subprocess = Process
    supervisord.main()
