"""Readiness of one process: from its start until it has come up, and then until it has stayed up (it has settled)."""

from __future__ import annotations

import time

from deployer.agent import pending, procfs, sockets, stage, wrong_port
from deployer.agent.managers import CRASHED, STARTING, STOPPED, STOPPING, UP, Instance, ProcessManager
from deployer.agent.probe import Probe
from deployer.agent.questions import NO_CONNECTION, Questions
from deployer.agent.sockets import Listener
from deployer.agent.timings import Timings
from deployer.core.errors import DeployError
from deployer.core.formation import Process
from deployer.core.health import LOCALHOST, NOTIFY, SAYS_WHO, check_of
from deployer.core.manifest import ProcessType
from deployer.core.routing import Router
from deployer.core.strategy import SOCKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from deployer.agent.health_command import Trial

STARTED = "waiting for it to be started"
EVERY = 1.0  # seconds between two questions while it settles
ENDED = (CRASHED, STOPPED, STOPPING)


class Watch:
    """One process on its way up: `ready` when it has come up, `settled` after `patience` more seconds."""

    def __init__(
        self, manager: ProcessManager, process: Process, kind: ProcessType, *, patience: float, timings: Timings
    ) -> None:
        self._manager, self.process, self.kind = manager, process, kind
        self.ready, self.settled, self.hint = False, False, ""
        self.details: dict[str, Any] = {}
        self._patience, self._timings = patience, timings
        self._deadline = time.monotonic() + kind.boot_timeout
        self._restarts: Optional[int] = None
        self._pid, self._up = timings.pid(process), 0.0
        self._router = _router(manager, process)
        self._check = check_of(kind, self._router)
        self._questions: Optional[Questions] = None
        self._trial: Optional[Trial] = None
        self._astray = wrong_port.WrongPort()
        self._doubt, self._phase = "is not started", STARTED

    def ended(self, instance: Optional[Instance]) -> str:
        """Why a process that had come up is not up as it was, or ''."""
        if instance is None:
            return "is not run by the process manager"
        if instance.state != UP or self._came_back(instance):
            return instance.reason or f"is {instance.state}"
        return ""

    def look(self, instance: Optional[Instance]) -> str:
        """Why the process has failed, or ''; sets `ready` and `settled`."""
        if instance is None:
            return "is not run by the process manager"
        if instance.state in ENDED or self._came_back(instance):
            return (instance.reason or f"is {instance.state}") + self._port_of_another(instance)
        if self.ready:
            return self._stays(instance)
        failure = ""
        if instance.state == UP:
            self.ready = self._is_up(instance) and self._passes()
            failure = "" if self.ready else self._hopeless(instance)
        elif instance.state == STARTING:
            self._doubt, self._phase = "is not started", STARTED
        if self.ready:
            self._came_up(instance)
            return self._stays(instance) or self._unreachable()
        if not failure and time.monotonic() > self._deadline:
            failure = (
                f"{self._doubt} after {self.kind.boot_timeout:g} s{self._taken_by_others()}{self._elsewhere(instance)}"
            )
            failure += self._port_of_another(instance)
        return failure

    def waits_for(self) -> tuple[str, float, float]:
        """What is waited for now, for how many seconds, and of how many."""
        now = time.monotonic()
        if self.ready:
            return "up, checking that it stays up", now - self._up, self._patience
        return self._phase, now - (self._deadline - self.kind.boot_timeout), self.kind.boot_timeout

    def end(self) -> None:
        """Nobody waits for it any more."""
        if self._questions is not None:
            self._questions.end()
        if self._trial is not None:
            self._trial.end()

    def join(self) -> None:
        """Return when nothing is left of what was begun to look at it."""
        if self._trial is not None:
            self._trial.join()

    def _came_back(self, instance: Instance) -> bool:
        """Whether it has been started again while we watch, or just before: then its first life was no success.

        What ran before this run began has that behind it, and what its manager's own end has cut off was no failure.
        """
        if self._restarts is None:
            if instance.state == STARTING:  # its launcher has not counted this start yet
                return False
            before = instance.since < self._timings.begun
            young = not before and time.time() - instance.since < self.kind.healthy_time
            self._restarts = instance.restarts - (instance.short if young else 0)
        another = self._pid != 0 and instance.state == UP and instance.pid != self._pid
        return another or instance.restarts > self._restarts

    def _came_up(self, instance: Instance) -> None:
        """It is ready now; what was started before this run began, or answers nobody, has been since its start."""
        now = time.monotonic()
        since = now - (time.time() - instance.since)
        asked = self._questions is not None or self._trial is not None or self.kind.health == NOTIFY
        before = instance.since < self._timings.begun or not asked
        self._pid, self._up = instance.pid, self._timings.came_up(instance, since if before else now)
        if self._questions is not None and self._questions.blind:  # perhaps another one has answered
            self._patience = max(self._patience, self.kind.healthy_time)

    def _stays(self, instance: Instance) -> str:
        """Why it has not stayed up, or ''; sets `settled`."""
        if instance.state != UP:
            return instance.reason or "ended, and was started again"
        patience = self._patience
        now, step = time.monotonic(), min(patience or EVERY, max(EVERY, patience / 10))
        asked = self._last_asked()
        failure = self._still_passes(now, due=max(asked, self._up) + step)
        if not failure:
            fresh = not patience or asked >= self._up + patience - step
            self.settled = now >= self._up + patience and fresh
        return failure

    def _last_asked(self) -> float:
        if self._trial is not None and self._questions is None:
            return self._trial.begun
        return time.monotonic() if self._questions is None or self._contended else self._questions.asked

    def _still_passes(self, now: float, *, due: float) -> str:
        """Ask it again when it is `due`; what is wrong with the answer, or ''."""
        questions, trial = self._questions, self._trial
        lasted = f"{now - self._up:.1f} s after it came up"
        if questions is not None:
            found = questions.answered()
            if found is not None and not found.passed:
                return f"{found.answer}, {lasted}"
            if questions.waiting and now > max(self._deadline, self._up + self.kind.boot_timeout):
                return f"{questions.doubt} any more, {lasted}"
            if not questions.waiting and now >= due and not self._contended:
                questions.begin()
        if trial is not None and trial.answer:
            if not trial.passed:
                return f"its health_command {trial.answer}{_said(trial)}, {lasted}"
            if now >= due:
                self._trial = self._tried()
        return ""

    @property
    def _contended(self) -> bool:
        """Whether others are likely to take what is sent to its port: it is asked no more often than it has to be."""
        return self._shares and self.process.ordinal > 0

    @property
    def _shares(self) -> bool:
        """Whether connections to its port may be taken by others too."""
        return self.kind.listen == SOCKET

    def _is_up(self, instance: Instance) -> bool:
        kind = self.kind
        if kind.health == NOTIFY:
            self._doubt, self._phase = "has not said READY=1", "waiting for READY=1"
            said = self._manager.said_ready(self.process)
            return said and (not kind.binds_port or self._listens(instance) is not None)
        return self._serves(instance) if kind.binds_port else True

    def _listens(self, instance: Instance) -> Optional[Listener]:
        listener = sockets.listening(instance.pid, self.process.port)
        if listener is None:
            self._doubt = f"does not listen on port {self.process.port}"
            self._phase = f"waiting for it to listen on port {self.process.port}"
        return listener

    def _serves(self, instance: Instance) -> bool:
        listener = self._listens(instance)
        asked = self._check is not None or self._shares or self.kind.health
        if listener is None or not asked:
            return listener is not None
        if self._questions is None:
            pid = instance.pid if self._shares or self._check is None else 0
            self._questions = self._asking(listener.reachable, pid)
        if self._questions.passed():
            return True
        self._doubt, self._phase = self._questions.doubt, self._asked_for()
        return False

    def _asking(self, address: str, pid: int) -> Questions:
        port, check = self.process.port, self._check

        def ask() -> Probe:
            seconds = max(self._deadline - time.monotonic(), self.kind.boot_timeout)
            return Probe(address, port, check, pid=pid, seconds=seconds)

        return Questions(ask, f"has not answered at {check.path}" if check else NO_CONNECTION)

    def _asked_for(self) -> str:
        """The answer that is waited for, and the last bad one."""
        port, check, questions = self.process.port, self._check, self._questions
        if check is None:
            return f"waiting for it to take a connection on port {port}"
        last = f" (the last one was {questions.status})" if questions and questions.status else ""
        return f"waiting for an answer to GET {check.path} on port {port}{last}"

    def _passes(self) -> bool:
        """Whether its `health_command` has ended with 0, if it has one."""
        if not self.kind.health_command:
            return True
        if self._trial is None:
            self._trial = self._tried()
        self._phase = "waiting for its health_command to end with 0"
        if self._trial.answer and not self._trial.passed:
            self._doubt = f"its health_command {self._trial.answer}{_said(self._trial)}"
            self._trial = None
            return False
        if not self._trial.answer and "health_command" not in self._doubt:
            self._doubt = "its health_command has not ended"
        return self._trial.passed

    def _tried(self) -> Trial:
        from deployer.agent.health_command import Trial  # noqa: PLC0415 - few types have one

        return Trial(self._manager.files, self.process, self.kind.health_command)

    def _hopeless(self, instance: Instance) -> str:
        """Why waiting longer would not help, or ''."""
        questions, port = self._questions, self.process.port
        if questions is not None and questions.hopeless:
            self.hint = f"`processes.{self.process.type}: {{health: tcp}}` is for what speaks no HTTP there"
            return questions.doubt
        listens = questions is not None and (not self._shares or questions.doubt != NO_CONNECTION)
        if not self.kind.binds_port or listens:
            return ""
        ports = self._astray.found(instance.pid, port, patient=self._contended)
        if not ports:
            return ""
        told = " and ".join(map(str, ports))
        if self._shares:
            return f"listens on {told}; it has to take the socket that it is given (LISTEN_FDS), on port {port}"
        self.hint = f"have it listen on the port that the variable PORT names, here {port}"
        return f"listens on {told}; it has to bind $PORT, {port}"

    def _unreachable(self) -> str:
        """Why the router of another host would not reach it, or ''."""
        router = self._router
        if not router.host or router.type != self.process.type or self._shares:
            return ""
        address = wrong_port.loopback_only(self.process.port)
        if not address or router.host == _host(self._manager):
            return ""
        self.hint = "have it bind the address that the variable HOST names (BIND has it with the port)"
        where = f"{address}:{self.process.port}" if ":" not in address else f"[{address}]:{self.process.port}"
        return f"listens on {where} only; the router on {router.host} cannot reach it: bind $HOST, 0.0.0.0"

    def _taken_by_others(self) -> str:
        others = self._questions.others if self._questions else 0
        return f" (others on its socket took {others})" if others and self._doubt == NO_CONNECTION else ""

    def _elsewhere(self, instance: Instance) -> str:
        """Where it listens that does not listen on its port; and how it can be told its domain."""
        if self._questions is not None:
            check, status = self._check, self._questions.status
            if check is not None and status in SAYS_WHO and check.host == LOCALHOST:
                said = f"`health: {{path: {check.path}, host: shop.example.com}}`"
                self.hint = f"an app that answers to its own domain only has to be asked for it: {said}"
            return ""
        if not self.kind.binds_port or not instance.pid:
            return ""
        seen = wrong_port.held(one.pid for one in procfs.family(instance.pid))
        found = [*(f"port {port}" for port in seen.ports if port != self.process.port), *seen.others]
        return f", but on {' and '.join(found)}" if found else ""

    def _port_of_another(self, instance: Instance) -> str:
        port = self.process.port
        if not self.kind.binds_port or self._shares or (instance.pid and sockets.listens(instance.pid, port)):
            return ""
        owner = sockets.owner(port)
        if owner is None:
            return ""
        who = f"pid {owner[0]} ({owner[1]})" if owner[0] else "another user's process"
        if not self._is_ours(owner[0]):
            self.details = {"port_held": {"port": port, "pid": owner[0], "name": owner[1]}}
            self.hint = f"end {who}, or give `processes.{self.process.type}.port` another port in deploy.yaml"
        return f"; port {port} is held by {who}"

    def _is_ours(self, pid: int) -> bool:
        """Whether it belongs to a process of this target: the app binds a port that is not its own."""
        pids = [instance.pid for instance in self._manager.instances() if instance.pid]
        return any(pid == one.pid for root in pids for one in procfs.family(root))


def _said(trial: Trial) -> str:
    said = trial.output.decode("utf-8", "replace").strip()
    return f", saying {said!r}," if said else ""


def _host(manager: ProcessManager) -> str:
    """What the target calls this host."""
    waiting = pending.read(manager.files)
    return waiting.host if waiting else pending.name(manager.files)


def _router(manager: ProcessManager, process: Process) -> Router:
    """What the process's release says of its router."""
    try:
        return stage.spec(manager.files, process.release).router
    except DeployError:  # damaged: it is asked as if there were none
        return Router()
