"""The embedded process manager: a supervisord per app and target, started and spoken to by the agent.

The files in `run/supervisor.d` are the truth about what is to run: they are written before supervisord hears of a
process and removed before it is told to stop one.  Every change then makes supervisord agree with them, so a cut at
any point is mended by the next `ensure`.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Callable, Collection, Mapping, Optional, Sequence

from deployer.agent import (
    durable,
    leftovers,
    logs,
    scheduled,
    stage,
    started,
    supervisor_conf,
    supervisor_end,
)
from deployer.agent.environment import socket_address
from deployer.agent.handed import ANY
from deployer.agent.holder import Holder
from deployer.agent.layout import Layout
from deployer.agent.managers import Check, Emit, Instance
from deployer.agent.notices import Notices
from deployer.agent.python import interpreter
from deployer.agent.supervisor_client import (
    ALREADY_ADDED,
    ALREADY_STARTED,
    BAD_NAME,
    NOT_RUNNING,
    SPAWN_ERROR,
    STILL_RUNNING,
    Client,
    Unanswered,
)
from deployer.agent.supervisor_daemon import Daemon
from deployer.agent.supervisor_instance import BOOTING, DEAD, ENDING, RUNNING, instance
from deployer.agent.supervisor_schedule import Scheduling
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.strategy import SOCKET

PAUSE, GRACE, SOON = 0.02, 10.0, 3.0  # seconds
NOTIFY = "notify"


class Supervisor:
    """supervisord as an `agent.managers.ProcessManager`."""

    kind = "supervisor"
    dated = False

    def __init__(self, files: Layout) -> None:
        self.files = self._files = files
        self._root = str(files.root)
        self._client = Client(files.root)
        self._daemon = Daemon(files, self._client)
        self._scheduling = Scheduling(files)
        self._holder, self._notices = Holder(files), Notices(self._root)

    def ensure(self) -> None:
        """Have supervisord run exactly what its files say; what a dead or hung one has left behind is ended first."""
        self._holder.reopen({process.type: process.release for process in self._wanted().values()})
        for _ in range(2):
            if not self._daemon.answers():
                self._daemon.kill()
                self._finish(set(started.names(self._root)), known=dict)
                self._daemon.start()
            try:
                self._agree()
            except Unanswered:
                continue
            return
        raise RunFailed(f"supervisord in {self._root} does not answer", hint=f"see {self._files.log}/supervisord.log")

    def instances(self) -> list[Instance]:
        """All processes that its files name or that it still runs."""
        try:
            known, dead = self._known(), ""
        except Unanswered:
            known, dead = {}, "supervisord does not answer"
        wanted = self._wanted()
        found = (instance(self._root, key, wanted.get(key), known.get(key), dead) for key in {*wanted, *known})
        return sorted((i for i in found if i), key=lambda i: (i.process.release, i.process.type, i.process.number))

    def start(self, processes: Sequence[Process], types: Mapping[str, ProcessType]) -> None:
        """Run these from now on; what runs already on the same port stays as it is."""
        running = {instance.process: instance for instance in self.instances()}
        wanted = self._wanted()
        new = [p for p in processes if wanted.get(supervisor_conf.key(p)) != p]
        keys = {supervisor_conf.key(p) for p in new}
        self.stop([p for p in running if supervisor_conf.key(p) in keys])
        self._hand_on(new, types)
        for process in new:
            started.forget(self._root, supervisor_conf.key(process))
            conf = supervisor_conf.process(process, types[process.type], python=interpreter())
            durable.write(self._conf(process), conf, mode=0o600, name="supervisor.process")
        if processes:
            self._insist(lambda: self._tell(ending=set()))

    def stop(
        self,
        processes: Sequence[Process],
        *,
        wait: bool = True,
        within: Optional[float] = None,
        check: Check = lambda: None,
    ) -> list[Process]:
        """End these for good, all at the same time."""
        keys = {supervisor_conf.key(process): process for process in processes}
        for process in processes:
            durable.remove(self._conf(process), name="supervisor.process")
        if keys:
            self._insist(lambda: self._tell(ending=set(keys)))
        killed: set[str] = set()
        if keys and wait:
            self._insist(lambda: killed.update(self._finish(set(keys), known=self._known, within=within, check=check)))
        return [process for key, process in keys.items() if key in killed]

    def close_sockets(self, *, but: Collection[str] = ()) -> None:
        """Have the sockets of all types held no longer, `but` for these."""
        self._holder.close(set(self._holder.wanted()) - set(but))

    def held(self, kinds: Mapping[str, int]) -> dict[str, str]:
        """Where the holder's sockets of these types listen, of those on this port."""
        held = self._holder.held()
        return {kind: "" if at == ANY else at for kind, (at, port) in held.items() if kinds.get(kind) == port}

    def weaknesses(self) -> list[str]:
        """Whether supervisord does not run, or hangs, though there is something to keep alive."""
        if not self._told() or self._daemon.answers(SOON):
            return []
        return ["supervisord does not answer: it starts nothing again that ends; `deploy run` fixes it"]

    def said_ready(self, process: Process) -> bool:
        """Whether we have heard it say so since we started it; of what others have started it is taken for granted."""
        record = started.read(self._root, supervisor_conf.key(process))
        return self._notices.ready(supervisor_conf.key(process), record.pid if record else 0)

    def tail(self, process: Process, lines: int) -> bytes:
        """The last `lines` lines of its log, across rotations."""
        return logs.tail(self._log(process), lines)

    def entries(self, process: Process, lines: int) -> list[tuple[float, bytes]]:
        """The last lines of its log, each with its time, where supervisord has left marks."""
        return logs.entries(self._log(process), lines)

    def follow(self, processes: Sequence[Process], lines: int, emit: Emit, idle: Callable[[], bool]) -> None:
        """Give `emit` the last lines of each log and every new one until `idle()`."""
        paths = {process: self._log(process) for process in processes}
        logs.follow(paths, lines, emit, idle)

    def schedule(self, release: int, kinds: Sequence[ProcessType]) -> None:
        """Have a scheduler that starts these at their times, and no other."""
        if self._scheduling.arrange(release, kinds):
            self._insist(self._agree)
        self._scheduling.end()

    def armed(self) -> set[str]:
        """The types whose times the scheduler keeps."""
        kinds = {job.type for job in scheduled.read(self._files)}
        if not kinds:
            return set()
        try:
            known = self._known()
        except Unanswered:
            return set()
        keeps = [key for key in known if key.startswith(supervisor_conf.SCHEDULER)]
        return kinds if any(known[key]["state"] in (BOOTING, RUNNING) for key in keeps) else set()

    def rest(self) -> None:
        """End supervisord where the files name nothing, and it has nothing to end any more."""
        if self._told() or not os.path.lexists(self._files.root / supervisor_conf.SOCKET):
            return
        with contextlib.suppress(Unanswered):
            if not self._known():
                self._client.call("shutdown")
                self._daemon.await_end(GRACE)

    def shutdown(self) -> None:
        """End every process and supervisord itself; nothing starts again until `start`."""
        self._scheduling.arrange(0, ())
        if self._daemon.answers():
            self.stop([instance.process for instance in self.instances()])
            self._client.call("shutdown")
            self._daemon.await_end(GRACE)
        self._daemon.kill()
        for name in self._told():
            durable.remove(self._files.root / supervisor_conf.PROCESSES / f"{name}.conf", name="supervisor.process")
        self._finish(set(started.names(self._root)), known=dict)
        self._scheduling.end()
        self.close_sockets()

    def _hand_on(self, new: Sequence[Process], types: Mapping[str, ProcessType]) -> None:
        """Have their sockets held, and hear when they say that they are up; a trial binds a socket of its own."""
        meant = {process.type: process for process in new if process.ordinal}
        given = {kind: process for kind, process in meant.items() if types[kind].listen == SOCKET}
        self._holder.close({kind for kind in meant if kind not in given})
        if given:
            places = {kind: (self._address(types[kind], process), process.port) for kind, process in given.items()}
            self._holder.open(places, next(iter(given.values())).release)
        for process in new:
            if types[process.type].health == NOTIFY:
                self._notices.listen(supervisor_conf.key(process))

    def _address(self, kind: ProcessType, process: Process) -> str:
        spec = stage.spec(self._files, process.release)
        return socket_address(spec, kind.name, kind.command, kind.address) or ANY

    def _insist(self, word: Callable[[], None]) -> None:
        """Say `word`; where supervisord does not answer, `ensure` makes it agree with the files just as well."""
        try:
            word()
        except Unanswered:
            self.ensure()

    def _agree(self) -> None:
        """Make supervisord's processes those of the files, and wait for the end of all others.

        But not for those that it is ending anyway: they may take their time.
        """
        known = self._known()
        ending = {key for key, process in known.items() if process["state"] == ENDING}
        gone = {*known, *started.names(self._root)} - self._told() - ending
        self._tell(ending=gone)
        self._finish(gone, known=self._known)

    def _tell(self, *, ending: set[str]) -> None:
        """Tell supervisord to begin what the files name and to end `ending`."""
        known, wanted, call = self._known(), self._told(), self._client.call
        for key in sorted(ending & set(known)):
            if known[key]["state"] not in (BOOTING, RUNNING, ENDING):
                self._terminate(key)  # supervisord signals a living leader's group only
            call("stopProcess", key, False, unless=(NOT_RUNNING, BAD_NAME))  # noqa: FBT003 - XML-RPC has no names
        if wanted - set(known):
            call("reloadConfig")
        for key in sorted(wanted):
            if key not in known:
                call("addProcessGroup", key, unless=(ALREADY_ADDED,))
            elif known[key]["state"] in DEAD and known[key]["start"]:  # somebody has stopped it by hand
                call("startProcess", key, False, unless=(ALREADY_STARTED, SPAWN_ERROR, BAD_NAME))  # noqa: FBT003

    def _finish(
        self,
        keys: set[str],
        *,
        known: Callable[[], Mapping[str, Any]],
        within: Optional[float] = None,
        check: Check = lambda: None,
    ) -> set[str]:
        """Wait until nothing of `keys` is left: not in supervisord, and no member of their process groups.

        Those that had to be killed, after their own time or `within` that of the caller.
        """
        records = {key: started.read(self._root, key) for key in keys}
        supervised = known()
        for key in keys - set(supervised):
            self._terminate(key)
        begun = time.monotonic()
        left, killed = set(keys), set()
        while left:
            check()
            supervised, waited = known(), time.monotonic() - begun
            gone = {key for key in left if self._gone(key, supervised.get(key), records[key], waited, within)}
            killed |= {key for key in gone if supervisor_end.was_killed(self._root, key)}
            for key in gone:
                started.forget(self._root, key)
            left -= gone
            if left and waited > GRACE + max((r.stop_timeout for r in records.values() if r), default=0):
                raise RunFailed(f"{', '.join(sorted(left))} cannot be ended", hint="`deploy status` shows what runs")
            if left:
                time.sleep(PAUSE)
        return killed

    def _gone(
        self,
        key: str,
        state: Optional[Mapping[str, Any]],
        record: Optional[started.Started],
        for_: float,
        within: Optional[float],
    ) -> bool:
        patience = (
            0.0 if record is None else record.stop_timeout if within is None else min(within, record.stop_timeout)
        )
        if record is not None and for_ > patience and leftovers.signal(record, leftovers.KILL):
            supervisor_end.killed(self._files, key, patience)
        if state is not None:
            if state["state"] in DEAD:
                self._client.call("removeProcessGroup", key, unless=(BAD_NAME, STILL_RUNNING))
            elif state["state"] != ENDING:  # it was just about to be started again
                self._client.call("stopProcess", key, False, unless=(NOT_RUNNING, BAD_NAME))  # noqa: FBT003
            return False
        return record is None or not leftovers.members(record)

    def _terminate(self, key: str, *, group: bool = True) -> None:
        record = started.read(self._root, key)
        if record is not None:
            leftovers.signal(record, leftovers.stopping(record), group=group)

    def _known(self) -> dict[str, Any]:
        return {process["group"]: process for process in self._client.call("getAllProcessInfo")}

    def _wanted(self) -> dict[str, Process]:
        """The processes that the files name, by their keys."""
        found = {}
        for path in (self._files.root / supervisor_conf.PROCESSES).glob("*.conf"):
            try:
                process = supervisor_conf.parse_key(path.stem, supervisor_conf.port(path.read_text()))
            except FileNotFoundError:  # removed just now: readers hold no lock
                continue
            if process is not None:
                found[path.stem] = process
        return found

    def _told(self) -> set[str]:
        """The keys of all that the files name: processes, and what starts others at their times."""
        paths = (self._files.root / supervisor_conf.PROCESSES).glob("*.conf")
        return {path.stem for path in paths if supervisor_conf.is_key(path.stem)}

    def _conf(self, process: Process) -> Path:
        return self._files.root / supervisor_conf.PROCESSES / f"{supervisor_conf.key(process)}.conf"

    def _log(self, process: Process) -> str:
        return f"{self._root}/{supervisor_conf.log(process)}"
