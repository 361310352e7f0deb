"""systemd as process manager: the system's own where the agent is root, else that of the user.

The files in `run/systemd` are the truth about what is to run (agent/systemd_wanted.py): they are written before systemd
hears of a process and removed before it is told to stop one.  `ensure` makes systemd agree with them, so a cut at any
point is mended by the next one.
"""

from __future__ import annotations

import contextlib
import time
from typing import Callable, Collection, Mapping, Optional, Sequence

from deployer.agent import endings, journal, procfs, scheduled, stage, started, systemd_wanted, unit_files, user
from deployer.agent.environment import socket_address
from deployer.agent.layout import Layout
from deployer.agent.managers import CRASHED, STARTING, STOPPED, STOPPING, UP, Check, Emit, Instance
from deployer.agent.systemctl import Systemctl
from deployer.agent.timer_units import Timers, service_name
from deployer.agent.unit_setup import UnitSetup
from deployer.agent.unit_sockets import UnitSockets
from deployer.agent.waiting import meanwhile
from deployer.core.errors import RunFailed
from deployer.core.formation import TURNS, Process
from deployer.core.manifest import ProcessType
from deployer.core.names import ONE_OFF
from deployer.core.signals import signal_name
from deployer.core.strategy import SOCKET

GRACE = 10.0
DEAD = ("inactive", "failed")


class Systemd:
    """systemd as an `agent.managers.ProcessManager`.

    `program` is the agent that is to bring `current` up with the host, '' for the one that did; `user` (a uid) whose
    systemd it is, our own if none.
    """

    kind = "systemd"
    dated = True

    def __init__(self, files: Layout, program: str = "", *, user: Optional[int] = None) -> None:
        self.files = self._files = files
        self._root = str(files.root)
        self._systemctl = Systemctl(user)
        self._units = UnitSetup(files, self._systemctl, program)
        self._timers = Timers(files, self._systemctl, self._units)
        self._sockets = UnitSockets(files, self._systemctl, self._units)
        self._journal = journal.Journal(files, self._systemctl)

    def ensure(self) -> None:
        """Have systemd run exactly what the files say, and know what to do when the host is booted."""
        self._units.prepare()
        systemd_wanted.forget_earlier_boots(self._files)
        known, wanted = self._known(), systemd_wanted.read(self._files)
        names = {self._name(process) for process in wanted}
        self._end([name for name, unit in known.items() if name not in names and _lives(unit, on=True)])
        self._forget_ended(names | {name for name, unit in known.items() if _lives(unit)})
        self._begin([process for process in wanted if self._units.knows(process.type)], known)
        self._timers.agree()

    def instances(self) -> list[Instance]:
        """All processes that the files name or that systemd still runs."""
        alive = self._all_up()
        return self._as_systemd_sees_them() if alive is None else alive

    def _all_up(self) -> Optional[list[Instance]]:
        """The processes where exactly those run that are to, which /proc tells sooner than systemd; None elsewhere."""
        wanted = sorted(systemd_wanted.read(self._files), key=lambda p: (p.release, p.type, p.number))
        found = []
        for process in wanted:
            record = started.read(self._root, _key(process))
            if record is None or procfs.started(record.pid) != record.ticks:  # it was written after the file was
                return None
            found.append(_up(process, record))
        return found if set(started.names(self._root)) == set(map(_key, wanted)) else None

    def _as_systemd_sees_them(self) -> list[Instance]:
        known = self._known()
        wanted = {self._name(process): process for process in systemd_wanted.read(self._files)}
        alive = {name for name, unit in known.items() if _lives(unit)}
        found = (self._instance(name, wanted.get(name), known.get(name)) for name in {*wanted, *alive})
        return sorted((i for i in found if i), key=lambda i: (i.process.release, i.process.type, i.process.number))

    def start(self, processes: Sequence[Process], types: Mapping[str, ProcessType]) -> None:
        """Run these from now on; what runs already on the same port stays as it is."""
        if not processes:
            return
        self._units.prepare()
        self._install(processes, types)
        wanted = {self._name(process): process for process in systemd_wanted.read(self._files)}
        new = [process for process in processes if wanted.get(self._name(process)) != process]
        self.stop([wanted[self._name(process)] for process in new if self._name(process) in wanted])
        for process in new:
            endings.forget(self._root, process.type, process.release, process.number)
            systemd_wanted.add(self._files, process)
        self._begin(processes, self._known())

    def stop(
        self,
        processes: Sequence[Process],
        *,
        wait: bool = True,
        within: Optional[float] = None,
        check: Check = lambda: None,
    ) -> list[Process]:
        """End these for good, all at the same time; what has left the process's group is in its control group still."""
        if not processes:
            return []
        for process in processes:
            systemd_wanted.remove(self._files, process)
        known = self._known()
        self._end([name for name in map(self._name, processes) if name in known], wait=wait, within=within, check=check)
        if not wait:
            return []
        killed = [p for p in processes if endings.killed(self._root, p.type, p.release, p.number)]
        for process in processes:
            endings.forget(self._root, process.type, process.release, process.number)
        return killed

    def close_sockets(self, *, but: Collection[str] = ()) -> None:
        """Close the sockets of all types, `but` for these."""
        self._sockets.close(self._sockets.declared() - set(but))

    def held(self, kinds: Mapping[str, int]) -> dict[str, str]:
        """Where the sockets of these types listen, of those that systemd holds on this port."""
        return {kind: self._sockets.address(kind) for kind, port in kinds.items() if self._sockets.holds(kind, port)}

    def weaknesses(self) -> list[str]:
        """Whether units have been removed, or the user's systemd ends with the last login."""
        if not (wanted := systemd_wanted.read(self._files)):
            return []
        gone = sorted({process.type for process in wanted} - {p.type for p in wanted if self._units.knows(p.type)})
        found = [f"the unit file of {kind} was removed: `deploy restart` writes it anew" for kind in gone]
        if not self._systemctl.of_the_system and not user.lingers(name := user.name(self._systemctl.user)):
            found.append(
                f"lingering is off, so systemd ends them with the last login: `sudo loginctl enable-linger {name}`"
            )
        return found

    def said_ready(self, process: Process) -> bool:
        """Whether systemd has heard that it is up, which makes its unit active."""
        name = self._name(process)
        return self._systemctl.show(name, "ActiveState").get(name, {}).get("ActiveState") == "active"

    def tail(self, process: Process, lines: int) -> bytes:
        """The last `lines` lines that the journal has of it."""
        return b"".join(line + b"\n" for _, line in self.entries(process, lines))

    def entries(self, process: Process, lines: int) -> list[tuple[float, bytes]]:
        """The last `lines` lines, each with its time in seconds of the epoch."""
        return self._journal.entries(self._writers(process), lines)

    def follow(self, processes: Sequence[Process], lines: int, emit: Emit, idle: Callable[[], bool]) -> None:
        """Give `emit` the last lines of each and every new one until `idle()`."""
        writers = {process: self._writers(process) for process in processes}
        names = {name: process for process in processes for name in writers[process]}
        names.update({self._writer(process): process for process in processes})
        found = list(writers.values())
        self._journal.follow(found, lines, lambda name, at, line: emit(names[name], at, line + b"\n"), idle)

    def schedule(self, release: int, kinds: Sequence[ProcessType]) -> None:
        """Have a timer for each of these, and for no other."""
        self._timers.arrange(release, kinds)

    def armed(self) -> set[str]:
        """The types whose timers run."""
        return self._timers.armed()

    def rest(self) -> None:
        """Nothing: systemd runs anyway."""

    def shutdown(self) -> None:
        """End every process and forget the target: nothing starts again until `start`, nor with the host."""
        self._timers.arrange(0, ())
        self.stop([instance.process for instance in self.instances()])
        self.close_sockets()
        self._units.remove()

    def _install(self, processes: Sequence[Process], types: Mapping[str, ProcessType]) -> None:
        """Have the units of these processes' types; what comes up as a trial leaves the sockets of the others alone."""
        kinds = [types[name] for name in sorted({process.type for process in processes})]
        meant = {process.type: process for process in processes if process.ordinal}
        places = {
            kind.name: (self._address(meant[kind.name].release, kind), meant[kind.name].port)
            for kind in kinds
            if kind.listen == SOCKET and kind.name in meant
        }
        self._sockets.leave(places)
        own = {kind.name for kind in kinds if kind.listen != SOCKET and kind.name in meant}
        self._sockets.close(own & self._sockets.declared())
        self._units.install(kinds, self._sockets.contents(self._sockets.settled(places)))
        self._sockets.open(places)

    def _address(self, release: int, kind: ProcessType) -> str:
        spec = stage.spec(self._files, release)
        return socket_address(spec, kind.name, kind.command, kind.address)

    def _begin(self, processes: Sequence[Process], known: Mapping[str, Mapping[str, str]]) -> None:
        """Start those that do not run, nor will soon, by what is `known` of them."""
        dead = [name for name in map(self._name, processes) if not _lives(known.get(name, {}), on=True)]
        self._forgive([name for name in dead if name in known])
        if dead:
            self._systemctl.tell("start", *dead, options=["--no-block"])

    def _forget_ended(self, names: set[str]) -> None:
        """Forget the processes that nobody waited for when they were told to stop: all but these."""
        for key in set(started.names(self._root)) - {_key(self._process(name)) for name in names}:
            kind, version, number = started.parse(key)
            endings.forget(self._root, kind, version, number)

    def _end(
        self,
        names: Sequence[str],
        *,
        wait: bool = True,
        within: Optional[float] = None,
        check: Check = lambda: None,
    ) -> None:
        if not names:
            return
        records = (started.read(self._root, _key(self._process(name))) for name in names)
        longest = max((record.stop_timeout for record in records if record), default=0.0)
        if not wait:
            self._systemctl.tell("stop", *names, options=["--no-block"])
            return
        kill_after = None if within is None or within >= longest else within
        self._await_end(names, GRACE + 2 * longest, kill_after, check)
        left = self._known()
        self._forgive([name for name in names if left.get(name, {}).get("ActiveState") == "failed"])
        alive = [name for name in names if _lives(left.get(name, {}))]
        if alive:
            raise RunFailed(f"{', '.join(sorted(alive))} cannot be ended", hint="`deploy status` shows what runs")

    def _await_end(self, names: Sequence[str], patience: float, kill_after: Optional[float], check: Check) -> None:
        """Have systemd stop these, and wait for it; what is left after `kill_after` seconds is killed."""
        killed: list[str] = []

        def look(waited: float) -> None:
            check()
            if kill_after is not None and waited > kill_after and not killed:
                killed.extend(names)
                with contextlib.suppress(RunFailed):  # one of them has ended just now
                    self._systemctl.tell("kill", *names, options=["--signal=KILL"])

        meanwhile(lambda: self._systemctl.tell("stop", *names, patience=patience), look)

    def _forgive(self, names: Sequence[str]) -> None:
        """Let systemd forget how often and how these have failed."""
        if names:
            self._systemctl.tell("reset-failed", *names)

    def _known(self) -> dict[str, dict[str, str]]:
        """The units of this target's processes that systemd has loaded."""
        found = self._systemctl.show(unit_files.pattern(self._files))
        return {
            name: unit
            for name, unit in found.items()
            if unit["WorkingDirectory"] == self._root and unit_files.parse_unit(self._files, name)
        }

    def _instance(self, name: str, wanted: Optional[Process], unit: Optional[Mapping[str, str]]) -> Optional[Instance]:
        found = self._process(name)
        record = started.read(self._root, _key(found))
        process = wanted or Process(found.release, found.type, found.number, record.port if record else 0)
        restarts = record.starts - 1 if record else 0
        if unit is None:
            return Instance(process, STOPPED, 0, 0, restarts)
        pid = int(unit["MainPID"] or 0)
        recorded = record is not None and record.pid == pid
        state = _state(unit, wanted=wanted is not None, launched=record is not None, recorded=recorded)
        if record is not None and state == UP:
            return _up(process, record)
        held_back = state == CRASHED and pid > 0
        pid = pid if state in (STARTING, STOPPING) else 0
        reason = self._last(process) if held_back else _ended(unit, record) if state == CRASHED else ""
        since = _epoch(unit["StateChangeTimestampMonotonic"])
        failing = state == CRASHED and endings.failing(record, crashed=since)
        return Instance(process, state, pid, since, restarts, reason, failing, record.quick if record else 0)

    def _last(self, process: Process) -> str:
        return endings.last(self._root, process.type, process.release, process.number)

    def _process(self, name: str) -> Process:
        process = unit_files.parse_unit(self._files, name)
        assert process is not None, name
        return process

    def _writers(self, process: Process) -> list[str]:
        """The units that have written as this process: its own, and those of its name in other turns."""
        in_turns = process.ordinal and process.type != ONE_OFF
        turns = [process.in_turn(turn) for turn in range(TURNS)] if in_turns else [process]
        return list(dict.fromkeys(self._writer(one) for one in turns))

    def _writer(self, process: Process) -> str:
        """The unit that writes what is shown as the process's log."""
        if scheduled.is_one(self._files, process.release, process.type):
            return service_name(self._files, process.type)
        return self._name(process)

    def _name(self, process: Process) -> str:
        return unit_files.unit_name(self._files, process)


def _up(process: Process, record: started.Started) -> Instance:
    failing = endings.failing(record)
    return Instance(process, UP, record.pid, record.at, record.starts - 1, record.ended, failing, record.quick)


def _lives(unit: Mapping[str, str], *, on: bool = False) -> bool:
    """Whether it runs, or will without another word; with `on`, whether it also goes on: what is stopping does not."""
    state = unit.get("ActiveState", "inactive")
    if on and state == "deactivating":
        return False
    return state not in DEAD or bool(unit.get("Job"))


def _state(unit: Mapping[str, str], *, wanted: bool, launched: bool, recorded: bool) -> str:
    active = unit["ActiveState"]
    if not wanted:
        return STOPPING
    if active == "active" or (active == "activating" and unit["SubState"] == "start"):  # it has not said READY=1 yet
        # The launcher of a crashed one holds it back a while.
        return UP if recorded else CRASHED if launched else STARTING
    if active == "activating" and unit["SubState"] != "auto-restart":
        return STARTING
    if active in DEAD and unit["Job"]:
        return STARTING
    return STOPPED if active == "inactive" else CRASHED


def _ended(unit: Mapping[str, str], record: Optional[started.Started]) -> str:
    """How its main process has ended, as systemd itself still knows; not counting what held it back."""
    code = {"1": "exited", "2": "killed", "3": "dumped"}.get(unit["ExecMainCode"], "")
    status = unit["ExecMainStatus"] if code == "exited" else signal_name(int(unit["ExecMainStatus"] or 0))
    begun = max(_epoch(unit["ExecMainStartTimestampMonotonic"]), record.at if record else 0.0)
    return endings.sentence(unit["Result"], code, status, _epoch(unit["ExecMainExitTimestampMonotonic"]) - begun)


def _epoch(monotonic: str) -> float:
    """Microseconds since boot as seconds of the epoch."""
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + int(monotonic or 0) / 1e6


def _key(process: Process) -> str:
    return started.key(process.release, process.type, process.number)
