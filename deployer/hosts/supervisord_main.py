"""supervisord as it runs on a host: back-off capped, ends noted, a process stopped only when its whole group is gone.

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
    """A process as its group: `sh -c "a && b"` dies of SIGTERM at once, while its child still drains.

    Until the last of the group has ended, or stopwaitsecs are over, the process is stopping and its output is read.
    """

    ended: tuple[int, int] | None = None  # pid and wait status of a leader whose group lives on

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
        if self.killing and lives(pid):
            self.ended = (pid, sts)
        else:
            super().finish(pid, sts)

    def transition(self) -> None:
        """Finish once the group has ended; supervisor itself sends the group SIGKILL after stopwaitsecs."""
        if self.ended is not None and not lives(self.ended[0]):
            ended, self.ended = self.ended, None
            super().finish(*ended)
        super().transition()


def lives(group: int) -> bool:
    """Whether a process of ours is left in `group`: the session tells it from a foreign group of the same number."""
    session = os.getsid(0)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, _, of_group, of_session = file.read().rpartition(b")")[2].split()[:4]
            except OSError:
                continue
            if int(of_group) == group and int(of_session) == session and state not in (b"Z", b"X"):
                return True
    return False


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
