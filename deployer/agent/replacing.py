"""In which order do new processes take the place of old ones?  As the strategy of each type says (core/strategy.py).

What is to stay is not touched.  What comes up beside the old ones leaves those running: they end later, when the
traffic has moved and the run is confirmed (agent/retiring.py).
"""

from __future__ import annotations

import contextlib
from typing import Callable, Collection, Iterable, Mapping, Optional, Sequence

from deployer.agent import readiness, stage
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPING, ProcessManager
from deployer.agent.timings import Timings
from deployer.core.errors import DeployError
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.message import message
from deployer.core.strategy import DRAIN, OVERLAP, SOCKET, STOP_FIRST, alone
from deployer.core.turnover import BESIDE

# told which processes serve from now on, before one of them is stopped and after another one is up
Reroute = Callable[[Sequence[Process]], None]


@message
class Change:
    """What is to run (`wanted`) of these `types`, each replaced in its way; `anew` are those of them to start again.

    Of the types in `handing` a port changes hands (agent/handing.py): whatever has it has to end first, this once.
    """

    wanted: list[Process]
    types: Mapping[str, ProcessType]
    ways: Mapping[str, str]
    anew: Collection[Process] = ()
    handing: Collection[str] = ()

    @property
    def sockets(self) -> set[str]:
        """The types that are given a socket, and have processes."""
        return {p.type for p in self.wanted if self.types[p.type].listen == SOCKET}

    def beside(self, process: Process) -> bool:
        """Whether processes of its type come up beside the old ones."""
        return self.ways.get(process.type) in BESIDE

    def takes_port(self, process: Process) -> bool:
        """Whether it binds a port of its own."""
        kind = self.types.get(process.type)
        return kind is not None and kind.binds_port and kind.listen != SOCKET


def beside_those_of(releases: Iterable[int], ways: Mapping[str, str], files: Layout) -> dict[str, str]:
    """`ways`, as they are where processes of these releases live.

    Of what one of them has `once`, too, none begins beside a process of it.  What only they have is in nobody's way: it
    ends when the run is confirmed.
    """
    found = dict(ways)
    for version in set(releases):
        with contextlib.suppress(DeployError):  # damaged, or pruned: it says nothing any more
            for kind in stage.spec(files, version).launch.processes:
                if alone(kind):
                    found[kind.name] = STOP_FIRST
                elif kind.name not in found:
                    found[kind.name] = DRAIN if kind.update == DRAIN else OVERLAP
    return found


def coming_beside(manager: ProcessManager, change: Change) -> list[Process]:
    """Those that take ports of their own beside living ones of their type; nobody is sent to them yet."""
    present = {instance.process for instance in manager.instances()}
    living = {process.type for process in present}
    coming = [p for p in change.wanted if p not in present and p.type in living]
    return [p for p in coming if change.beside(p) and change.takes_port(p) and p.type not in change.handing]


def bring(
    manager: ProcessManager,
    change: Change,
    *,
    check: Callable[[], None],
    reroute: Reroute = lambda _: None,
    timings: Optional[Timings] = None,
    settle: Optional[Callable[[], None]] = None,
) -> list[Process]:
    """Make what is wanted run; `RunFailed` if one does not come up.  Returns the old ones that still run beside it.

    With `settle`, what binds no port comes first, and that is called then.  What takes the place of another one has to
    answer before the next is stopped; that all stay up is left to the caller.  `check` is called meanwhile, may raise.
    """
    timings, (staying, leaving) = timings or Timings(), _parted(manager, change)
    coming = [p for p in change.wanted if p not in staying]
    for kind in _in_order(change, coming, silent_first=settle is not None):
        if settle is not None and change.types[kind].binds_port:
            leaving, settle = _settled(manager, leaving, settle), None
        if first := _ending_first(change, kind, leaving):
            timings.stopping(manager, first, check)
            leaving = [p for p in leaving if p not in first]
        if kind in change.handing:
            manager.close_sockets(but=change.sockets - {kind})
        for process in (p for p in coming if p.type == kind):
            if replaced := [p for p in leaving if _makes_room(change, p, process)]:
                leaving = [p for p in leaving if p not in replaced]
                reroute([p for p in [*staying, *leaving] if p.type == kind])
                timings.stopping(manager, replaced, check)
            manager.start([process], change.types)
            if change.takes_port(process) and (replaced or any(p.type == kind for p in leaving)):
                readiness.await_ready(manager, [process], change.types, check=check, timings=timings, settle=False)
            staying.append(process)
            if replaced:
                reroute([p for p in [*staying, *leaving] if p.type == kind])
    surplus = [p for p in leaving if not change.beside(p)]
    _reroute_without(surplus, [*staying, *leaving], reroute)
    timings.stopping(manager, surplus, check)
    manager.close_sockets(but=change.sockets)
    return [p for p in leaving if p not in surplus]


def _ending_first(change: Change, kind: str, leaving: Sequence[Process]) -> list[Process]:
    """Those that have to end before one of the type `kind` begins: of a type that had its port until now, too."""
    if kind not in change.handing:
        return [p for p in leaving if p.type == kind and change.ways.get(kind) == STOP_FIRST]
    ports = {p.port for p in change.wanted if p.type == kind and p.port}
    return [p for p in leaving if p.type == kind or p.port in ports]


def _reroute_without(surplus: Sequence[Process], living: Sequence[Process], reroute: Reroute) -> None:
    for kind in dict.fromkeys(p.type for p in surplus):
        reroute([p for p in living if p.type == kind and p not in surplus])


def _in_order(change: Change, coming: Sequence[Process], *, silent_first: bool) -> list[str]:
    """The types of these in the order in which they are brought up."""
    kinds = list(dict.fromkeys(process.type for process in coming))
    return sorted(kinds, key=lambda kind: silent_first and change.types[kind].binds_port)


def _settled(manager: ProcessManager, processes: Sequence[Process], settle: Callable[[], None]) -> list[Process]:
    """Those that still run when all has settled: trials have ended then."""
    settle()
    running = {instance.process for instance in manager.instances()}
    return [process for process in processes if process in running]


def _parted(manager: ProcessManager, change: Change) -> tuple[list[Process], list[Process]]:
    """The processes that are to stay as they are, and those that are to go; what is ending anyway is left to it."""
    seen = manager.instances()
    ending = {instance.process for instance in seen if instance.state == STOPPING}
    present = [i.process for i in seen if i.process not in ending or not change.beside(i.process)]
    staying = [p for p in change.wanted if p in present and p not in ending and p not in change.anew]
    return staying, [p for p in present if p not in staying]


def _makes_room(change: Change, old: Process, new: Process) -> bool:
    """Whether `old` has to end before `new` can begin: the same unit, the same port, or the same name."""
    if (old.release, old.type, old.number) == (new.release, new.type, new.number):
        return True
    if old.port == new.port and change.takes_port(new):
        return True
    return old.name == new.name and not change.beside(new)
