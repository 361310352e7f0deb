"""supervisord as it runs on a host: back-off capped, ends noted, a process stopped only when its whole group is gone.

Its event loop is guarded by hosts/supervisord_loop.py.

Where it has to kill a process that does not stop, it says so in `events`.  It ends by itself when there has been
nothing to keep alive for a while.

Travels beside supervisor's own code (hosts/supervisor_package.py) and runs inside supervisord, in the target's root.
The standard library, supervisor and Python 3.9 only.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import time
import traceback

from supervisor import process, supervisord  # type: ignore[import-untyped]
from supervisor.states import ProcessStates, SupervisorStates  # type: ignore[import-untyped]

from deployer.hosts import supervisord_loop

EXITS, EVENTS = "run/exits", "events"
MAIN, PROCESSES, TURN = "run/supervisord.conf", "run/supervisor.d", 1000  # agent/supervisor_conf.py, core/turn.py
IDLE = 30.0  # seconds
ASKED, NEVER_BEGAN, BROKE = 0, 1, 75  # exit codes: was told to end, cannot run at all, ended though it should not
COUNTERS = (("0", "/sys/fs/cgroup", "memory.events"), ("memory", "/sys/fs/cgroup/memory", "memory.oom_control"))
LONGEST_BACKOFF = 60
JUST_NOW = 3  # seconds
GLANCE = 0.02  # seconds between two looks at a group that is ending


class Daemon(supervisord.Supervisor):  # type: ignore[misc]
    """supervisord, which ends once nothing is to be kept alive; `begun` is true once it has come so far as to run."""

    begun = False
    _busy = 0.0

    def runforever(self) -> None:
        """Go round until told to end."""
        Daemon.begun, self._busy = True, time.monotonic()
        super().runforever()

    def tick(self, now: float | None = None) -> None:
        """Look after every pass of the loop whether there is still something to do."""
        super().tick(now)
        at = time.monotonic()
        if self.process_groups or (at - self._busy > IDLE and wanted()):
            self._busy = at
        elif at - self._busy > IDLE and self.options.mood > SupervisorStates.SHUTDOWN:
            self.options.logger.info("nothing is to be kept alive: ending")
            self.options.mood = SupervisorStates.SHUTDOWN


class Process(process.Subprocess):  # type: ignore[misc]
    """A process as its group: `sh -c "a && b"` dies of SIGTERM at once, while its child still drains.

    Until the last of the group has ended, or stopwaitsecs are over, the process is stopping and its output is read.
    """

    ended: tuple[int, int] | None = None  # pid and wait status of a leader whose group lives on
    _glanced = 0.0

    def spawn(self) -> object:
        """Start it; where there can be no fork, its closed pipes are forgotten, whose numbers are others' next."""
        pid = super().spawn()
        if not self.pid:
            self.dispatchers: dict[int, object] = {}
            self.pipes: dict[str, object] = {}
        return pid

    def change_state(self, new_state: int, expected: bool = True) -> object:  # noqa: FBT001, FBT002 - supervisor's own
        """Change the state; the wait before the next start grows by a second each time, up to LONGEST_BACKOFF."""
        changed = super().change_state(new_state, expected)
        if new_state == ProcessStates.BACKOFF:
            self.delay: float = min(self.delay, time.time() + LONGEST_BACKOFF)
        return changed

    def finish(self, pid: int, sts: int) -> None:
        """Note how it ended: supervisor itself forgets the status of a process that ended too early."""
        oom = was_killed(sts) and not self.killing and MEMORY.was_short()
        try:
            note(self.config.name, sts, time.time() - self.laststart, oom=oom)
        except OSError as error:  # a full disk is no reason to lose the process
            message = f"cannot note the end of {self.config.name}: {error}"
            self.config.options.logger.warn(message)  # noqa: G010 - supervisor's own logger
        if self.killing and lives(pid):
            self.ended = (pid, sts)
        else:
            super().finish(pid, sts)

    def kill(self, sig: int) -> object:
        """Send a signal; SIGKILL is supervisor's answer to a process that has not stopped in time."""
        if sig == signal.SIGKILL and self.state == ProcessStates.STOPPING:
            with contextlib.suppress(OSError):  # noted by who waits for its end, or the disk is full
                note_killed(self.config.name, self.config.stopwaitsecs)
        return super().kill(sig)

    def transition(self) -> None:
        """Finish once the group has ended; supervisor itself sends the group SIGKILL after stopwaitsecs."""
        if self.ended is not None and time.monotonic() - self._glanced > GLANCE:  # an app that floods keeps us busy
            self._glanced = time.monotonic()
            if not lives(self.ended[0]):
                ended, self.ended = self.ended, None
                super().finish(*ended)
        MEMORY.look()
        super().transition()


class Memory:
    """When did the kernel last kill a process of our control group for want of memory?"""

    def __init__(self) -> None:
        self._kills, self._looked, self._rose = oom_kills(), 0.0, -math.inf

    def look(self) -> None:
        """Look at the kernel's counter, once a second."""
        if time.monotonic() - self._looked > 1:
            self._looked, before, self._kills = time.monotonic(), self._kills, oom_kills()
            if self._kills > before:
                self._rose = self._looked

    def was_short(self) -> bool:
        """Whether it did so just now."""
        self._looked = 0.0
        self.look()
        return time.monotonic() - self._rose < JUST_NOW


def wanted() -> bool:
    """Whether the files name anything that is to be kept alive."""
    try:
        return any(name.endswith(".conf") for name in os.listdir(PROCESSES))
    except OSError:
        return False


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


def end_orphans() -> None:
    """Kill what a killed supervisord had just forked, before it becomes a process that others know by its record.

    All others are ended by the launchers that take their places.
    """
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (os.getpid(), os.getppid()):
            with contextlib.suppress(OSError):  # it ended just now, or is another user's
                with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")
                launching = "launch" in words and any(word.endswith("/agent.pyz") for word in words)
                if (launching or MAIN in words) and os.path.samefile(f"/proc/{name}/cwd", "."):
                    os.kill(int(name), signal.SIGKILL)


def was_killed(status: int) -> bool:
    """Whether a process with this wait status ended by SIGKILL, or the last one of a shell did."""
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    return os.WEXITSTATUS(status) == 128 + signal.SIGKILL


def oom_kills() -> int:
    """How many processes of our control group the kernel has killed for want of memory; 0 where it does not tell."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    for controller, folder, name in COUNTERS:
        for number, controllers, group in groups:
            if controller in (number, *controllers.split(",")):
                try:
                    with open(f"{folder}{group}/{name}", encoding="utf-8") as file:
                        return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
                except OSError:
                    continue
    return 0


def note_killed(name: str, seconds: float) -> None:
    """Mark that the process `name` did not stop in time, and write the event; as agent/supervisor_end.py does."""
    named = re.match(r"v(\d+)-(.+)-(\d+)\Z", name)
    if named is None:
        return
    os.makedirs(EXITS, mode=0o700, exist_ok=True)
    os.close(os.open(f"{EXITS}/{name}.killed", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    text = f"{named[2]}.{int(named[3]) % TURN}: did not stop within {seconds:g} s, and was killed"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"at": at, "event": "killed", "release": int(named[1]), "text": text})
    with open(EVENTS, "ab+") as file:
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write((b"\n" if torn else b"") + line.encode() + b"\n")


def note(name: str, status: int, seconds: float, *, oom: bool) -> None:
    """Write the wait status and the length of the life of the process `name`, and whether it had too little memory."""
    os.makedirs(EXITS, mode=0o700, exist_ok=True)
    part = f"{EXITS}/.tmp-{name}"
    with open(part, "w", encoding="utf-8") as file:
        json.dump({"status": status, "seconds": round(max(seconds, 0), 3), "oom": oom}, file)
    os.rename(part, f"{EXITS}/{name}.json")


MEMORY = Memory()


def main() -> int:
    """Run until told to end; the exit code, by which our keeper (agent/supervisor_daemon.py) knows whether we were."""
    try:
        supervisord.main()
    except SystemExit as end:
        if not end.code:
            return ASKED
    except BaseException:  # noqa: BLE001 - whatever it was, the processes have to be kept alive
        with contextlib.suppress(OSError):
            traceback.print_exc()
    else:
        return ASKED
    return BROKE if Daemon.begun else NEVER_BEGAN


if __name__ == "__main__":
    supervisord_loop.guard()
    process.Subprocess, supervisord.Supervisor = Process, Daemon
    end_orphans()
    os._exit(main())  # what an interpreter does at its end may fail on a full disk, and change the exit code
