"""Are the processes up?  Watched together, from their start until each is ready or one has failed.

A process type that binds a port is ready when its own processes listen on it and, if it has a `health` path, answer a
`GET` of it with 2xx or 3xx (from this host, `Host: localhost`, no redirect followed); with `health: tcp`, when they
have taken a connection.  On a socket that is given to them, and to older ones as well, they have to take one themselves
in any case.  With `health: notify` a process is ready when it has said READY=1.  Every other is ready when it has
stayed up for `healthy_time`, or sooner if it has a `health_command`: that has to end with 0, whatever else is asked
for.  A process that ends while it is waited for has failed, there and then.
"""

from __future__ import annotations

import time
from typing import Callable, Mapping, Optional, Sequence

from deployer.agent import sockets
from deployer.agent.managers import CRASHED, STARTING, STOPPED, STOPPING, UP, Instance, ProcessManager
from deployer.agent.probe import Probe
from deployer.agent.sockets import Listener
from deployer.agent.timings import Timings
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.strategy import SOCKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from deployer.agent.health_command import Trial

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.02, 0.2, 1.2
LINES = 20
NOTIFY = "notify"


def await_ready(
    manager: ProcessManager,
    processes: Sequence[Process],
    types: Mapping[str, ProcessType],
    *,
    check: Callable[[], None],
    timings: Optional[Timings] = None,
) -> None:
    """Return when all `processes` are ready; `RunFailed` says which one is not, why, and what it last wrote.

    Each has its type's `boot_timeout` seconds from now on.  `check` is called all the time and may raise; `timings`
    hears of each that is ready.
    """
    watches = [_Watch(manager, process, types[process.type]) for process in processes]
    try:
        _await(manager, watches, check, timings)
    finally:
        for watch in watches:
            watch.end()
        for watch in watches:
            watch.join()


def _await(
    manager: ProcessManager, watched: list[_Watch], check: Callable[[], None], timings: Optional[Timings]
) -> None:
    pause = FIRST_PAUSE
    while watched:
        check()
        seen = {instance.process: instance for instance in manager.instances()}
        waiting = []
        for watch in watched:
            instance = seen.get(watch.process)
            failure = watch.look(instance)
            if failure:
                raise _failed(manager, watch.process, failure)
            if not watch.ready:
                waiting.append(watch)
            elif timings is not None and instance is not None:
                timings.is_ready(instance)
        watched = waiting
        if watched:
            time.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)


class _Watch:
    """One process on its way up."""

    def __init__(self, manager: ProcessManager, process: Process, kind: ProcessType) -> None:
        self._manager, self.process, self.kind = manager, process, kind
        self.ready = False
        self._deadline = time.monotonic() + kind.boot_timeout
        self._restarts: Optional[int] = None
        self._probe: Optional[Probe] = None
        self._trial: Optional[Trial] = None
        self._asked = False
        self._doubt = "is not started"

    def look(self, instance: Optional[Instance]) -> str:
        """Why the process has failed, or ''; sets `ready`."""
        if instance is None:
            return "is not run by the process manager"
        if instance.state in (CRASHED, STOPPED, STOPPING) or self._came_back(instance):
            return (instance.reason or f"is {instance.state}") + self._port_of_another(instance)
        if instance.state == UP:
            self.ready = self._is_up(instance) and self._passes()
        elif instance.state == STARTING:
            self._doubt = "is not started"
        if not self.ready and time.monotonic() > self._deadline:
            return f"{self._doubt} after {self.kind.boot_timeout:g} s" + self._port_of_another(instance)
        return ""

    def end(self) -> None:
        """Nobody waits for it any more."""
        if self._trial is not None:
            self._trial.end()

    def join(self) -> None:
        """Return when nothing is left of what was begun to look at it."""
        if self._trial is not None:
            self._trial.join()

    def _came_back(self, instance: Instance) -> bool:
        """Whether it has been started again while we watch, or just before: then its first life was no success."""
        if self._restarts is None:
            young = time.time() - instance.since < self.kind.healthy_time
            self._restarts = 0 if young else instance.restarts
        return instance.restarts > self._restarts

    def _has_stayed(self, instance: Instance) -> bool:
        self._doubt = f"has not stayed up for {self.kind.healthy_time:g} s"
        return time.time() - instance.since >= self.kind.healthy_time

    def _is_up(self, instance: Instance) -> bool:
        kind = self.kind
        if kind.health == NOTIFY:
            self._doubt = "has not said READY=1"
            said = self._manager.said_ready(self.process)
            return said and (not kind.binds_port or self._listens(instance) is not None)
        if kind.binds_port:
            return self._serves(instance)
        return bool(kind.health_command) or self._has_stayed(instance)

    def _listens(self, instance: Instance) -> Optional[Listener]:
        listener = sockets.listening(instance.pid, self.process.port)
        if listener is None:
            self._doubt = f"does not listen on port {self.process.port}"
        return listener

    def _serves(self, instance: Instance) -> bool:
        listener = self._listens(instance)
        shared = self.kind.listen == SOCKET
        if listener is None or not (self.kind.health or shared):
            return listener is not None
        path = self.kind.health if self.kind.health.startswith("/") else ""
        if self._probe is None:
            pid = instance.pid if shared or not path else 0
            self._probe = Probe(listener.reachable, self.process.port, path, pid)
        if self._probe.passed:
            return not self._probe.blind or self._has_stayed(instance)
        at = f" at {path}" if path else ""
        if self._probe.answer:
            self._doubt = f"{self._probe.answer}{at}" if self._probe.taken else self._probe.answer
            self._probe, self._asked = None, True
        elif not self._asked:
            self._doubt = f"has not answered{at}" if self._probe.taken else "has taken no connection"
        return False

    def _passes(self) -> bool:
        """Whether its `health_command` has ended with 0, if it has one."""
        if not self.kind.health_command:
            return True
        if self._trial is None:
            from deployer.agent.health_command import Trial  # noqa: PLC0415 - few types have one

            self._trial = Trial(self._manager.files, self.process, self.kind.health_command)
        if self._trial.answer and not self._trial.passed:
            said = self._trial.output.decode("utf-8", "replace").strip()
            self._doubt = f"its health_command {self._trial.answer}{f', saying {said!r},' if said else ''}"
            self._trial = None
            return False
        if not self._trial.answer and "health_command" not in self._doubt:
            self._doubt = "its health_command has not ended"
        return self._trial.passed

    def _port_of_another(self, instance: Instance) -> str:
        port = self.process.port
        if (
            not self.kind.binds_port
            or self.kind.listen == SOCKET
            or (instance.pid and sockets.listens(instance.pid, port))
        ):
            return ""
        owner = sockets.owner(port)
        if owner is None:
            return ""
        who = f"pid {owner[0]} ({owner[1]})" if owner[0] else "another user's process"
        return f"; port {port} is held by {who}"


def _failed(manager: ProcessManager, process: Process, failure: str) -> RunFailed:
    return RunFailed(
        f"{process.name} of v{process.release} {failure}",
        hint=f"`deploy logs --release v{process.release} {process.name}` shows all it has written",
        output=manager.tail(process, LINES).decode("utf-8", "replace"),
    )
