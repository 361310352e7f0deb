"""Which process manager keeps this target's processes alive on this host, and how does another one take over?

systemd has left its mark in the root where it does; else it is the embedded one.  A wish for another is granted by the
next command that changes what runs: its `ensure` ends what the old manager runs and starts the same with the new one.
"""

from __future__ import annotations

import os
from typing import Callable, Collection, Mapping, Optional, Sequence

from deployer.agent import unit_setup, user
from deployer.agent.layout import Layout
from deployer.agent.managers import Check, Emit, Instance, ProcessManager
from deployer.agent.systemctl import Systemctl
from deployer.core.errors import ReleaseRefused
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType

AUTO, SYSTEMD, SUPERVISOR = "auto", "systemd", "supervisor"
SUPERVISED = "run/supervisor.d"


def chosen(files: Layout, wish: str, program: str) -> ProcessManager:
    """The manager that `wish` (`auto`, `systemd`, `supervisor`, or '' for whatever it is) means here; see `manager_of`.

    `ReleaseRefused` where systemd is wished for but cannot be had.
    """
    owner = unit_setup.user(files)
    if wish == AUTO:
        wish = following(files, wish)
    if wish == SYSTEMD and owner != os.geteuid():
        if problem := hindrance():
            raise ReleaseRefused(problem[0], hint=problem[1])
        return Successor(files, _made(files, owner, program), _made(files, os.geteuid(), program))
    if wish == SUPERVISOR and owner is not None:
        return Successor(files, _made(files, owner, program), _made(files, None, program))
    return _made(files, owner, program)


def following(files: Layout, wish: str) -> str:
    """The kind of manager that keeps the processes from the next run on, if `wish` (as `chosen` has it) can be had."""
    owner = unit_setup.user(files)
    if wish in (SYSTEMD, SUPERVISOR):
        return wish
    if wish == AUTO:
        return SYSTEMD if owner is not None or (not _supervised(files) and not hindrance()) else SUPERVISOR
    return SUPERVISOR if owner is None else SYSTEMD


def begun(files: Layout) -> bool:
    """Whether a manager has ever kept processes of this target."""
    return unit_setup.user(files) is not None or _supervised(files)


def hindrance() -> tuple[str, ...]:
    """Why systemd cannot keep processes of ours alive, and what to do about it; () where it can."""
    if not os.path.isdir("/run/systemd/system"):
        return "this host has no systemd", "say `manager: supervisor` in deploy.yaml"
    user_name = user.name()
    if os.geteuid() != 0 and not user.lingers(user_name):
        hint = f"`sudo loginctl enable-linger {user_name}` on the host, or say `sudo: true` or `manager: supervisor`"
        return f"systemd ends what {user_name} runs when {user_name} logs out: lingering is off", hint
    if not Systemctl().answers():
        return f"systemd does not answer {user_name}", "`systemctl --user status` on the host says more"
    return ()


def gap_at_boot(kind: str, wish: str) -> str:
    """What is lost where `auto` has found the embedded manager only because lingering is off; '' where it is not so."""
    name = user.name()
    if kind != SUPERVISOR or wish != AUTO or os.geteuid() == 0 or user.lingers(name):
        return ""
    if not os.path.isdir("/run/systemd/system"):
        return ""
    way = f"`sudo loginctl enable-linger {name}`, then `manager: systemd` in deploy.yaml"
    return f"lingering is off for {name}: nothing starts this when the host boots; {way}"


def _supervised(files: Layout) -> bool:
    return any((files.root / SUPERVISED).glob("*.conf"))


def _made(files: Layout, user: Optional[int], program: str) -> ProcessManager:
    """The systemd of `user`, or the embedded manager; only the one that is needed is loaded."""
    if user is None:
        from deployer.agent.supervisor import Supervisor  # noqa: PLC0415

        return Supervisor(files)
    from deployer.agent.systemd import Systemd  # noqa: PLC0415

    return Systemd(files, program, user=user)


class Successor:
    """The present manager until `ensure` is called, then the next one; what ran runs on, started anew."""

    def __init__(self, files: Layout, present: ProcessManager, following: ProcessManager) -> None:
        self.files, self._now, self._next = files, present, following
        self.kind, self.dated = following.kind, present.dated

    def ensure(self) -> None:
        """Have the next manager run what the present one runs."""
        if self._now is not self._next:
            if self._now.kind != self._next.kind:
                self._next.ensure()  # if it cannot be had, nothing has been touched
            moving = [instance.process for instance in self._now.instances()]
            self._now.shutdown()
            self._now, self.dated = self._next, self._next.dated
            self._now.ensure()
            for version in sorted({process.release for process in moving}):
                self._now.start([p for p in moving if p.release == version], self._types(version))
        else:
            self._now.ensure()

    def instances(self) -> list[Instance]:
        """As the manager that runs them sees them."""
        return self._now.instances()

    def start(self, processes: Sequence[Process], types: Mapping[str, ProcessType]) -> None:
        """Run these from now on."""
        self._now.start(processes, types)

    def stop(
        self,
        processes: Sequence[Process],
        *,
        wait: bool = True,
        within: Optional[float] = None,
        check: Check = lambda: None,
    ) -> list[Process]:
        """End these for good."""
        return self._now.stop(processes, wait=wait, within=within, check=check)

    def close_sockets(self, *, but: Collection[str] = ()) -> None:
        """Listen no longer for the types that are given their socket, `but` for these."""
        self._now.close_sockets(but=but)

    def held(self, kinds: Mapping[str, int]) -> dict[str, str]:
        """Where the sockets of these types listen."""
        return self._now.held(kinds)

    def weaknesses(self) -> list[str]:
        """Why a process that ends now would not be started again."""
        return self._now.weaknesses()

    def said_ready(self, process: Process) -> bool:
        """Whether a process has said that it is up."""
        return self._now.said_ready(process)

    def tail(self, process: Process, lines: int) -> bytes:
        """The last lines that the process wrote."""
        return self._now.tail(process, lines)

    def entries(self, process: Process, lines: int) -> list[tuple[float, bytes]]:
        """These lines, each with its time."""
        return self._now.entries(process, lines)

    def follow(self, processes: Sequence[Process], lines: int, emit: Emit, idle: Callable[[], bool]) -> None:
        """Give `emit` the last lines of each and every new one."""
        self._now.follow(processes, lines, emit, idle)

    def schedule(self, release: int, kinds: Sequence[ProcessType]) -> None:
        """Run exactly these at their times."""
        self._now.schedule(release, kinds)

    def armed(self) -> set[str]:
        """The types whose times are kept."""
        return self._now.armed()

    def rest(self) -> None:
        """Have nothing of the manager itself run where there is nothing to keep alive."""
        self._now.rest()

    def shutdown(self) -> None:
        """End every process."""
        self._now.shutdown()

    def _types(self, version: int) -> Mapping[str, ProcessType]:
        from deployer.agent import stage  # noqa: PLC0415 - needed only when the manager changes

        return stage.spec(self.files, version).types
