"""In which order do new processes take the place of old ones?

`rolling`: one after the other, each on its own port, the next when the one before is ready.  `stop-first`: all old
ones of the type end before the first new one starts.  What is to stay is not touched.
"""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from deployer.agent import readiness
from deployer.agent.managers import Instance, ProcessManager
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType


def bring(
    manager: ProcessManager,
    wanted: Sequence[Process],
    types: Mapping[str, ProcessType],
    *,
    check: Callable[[], None],
    again: Sequence[str] = (),
) -> None:
    """Make exactly `wanted` run; those named in `again` are started anew.  `RunFailed` if one does not come up.

    `check` is called while waiting and may raise.  Readiness of what binds no port is left to the caller, who waits
    for all of those together.
    """
    running = [instance.process for instance in manager.instances()]
    staying = [p for p in wanted if p in running and p.name not in again and "*" not in again]
    leaving = [p for p in running if p not in staying]
    coming = [p for p in wanted if p not in staying]
    for kind in dict.fromkeys(p.type for p in coming):
        if types[kind].update == "stop-first":
            manager.stop([p for p in leaving if p.type == kind])
            leaving = [p for p in leaving if p.type != kind]
        for process in (p for p in coming if p.type == kind):
            replaced = [p for p in leaving if _makes_room(p, process)]
            manager.stop(replaced)
            leaving = [p for p in leaving if p not in replaced]
            manager.start([process], types)
            if types[kind].binds_port:
                readiness.await_ready(manager, [process], types, check=check)
    manager.stop(leaving)


def _makes_room(old: Process, new: Process) -> bool:
    return old.name == new.name or old.port == new.port


def lost(instances: Sequence[Instance], wanted: Sequence[Process]) -> list[str]:
    """The names of wanted processes that the manager does not keep alive."""
    running = {instance.process for instance in instances}
    return [process.name for process in wanted if process not in running]
