"""Readiness: are the processes up?  Watched together, from their start until each has settled or one has failed.

A process type that is reached by HTTP is up when its own processes listen on its port and answer a request: its
`health` path with 2xx or 3xx, or without one `GET /` with anything below 500 (core/health.py; no redirect is followed).
With `health: tcp` they have to take a connection.  On a socket that is given to them, and to older ones as well, they
have to take one themselves in any case.  With `health: notify` a process is up when it has said READY=1.  Every other
is up when it runs; if it has a `health_command`, that has to end with 0, whatever else is asked for.

Then each has to stay up, and healthy, for its `healthy_time`: all at the same time.  A process that ends, is started
again or answers badly while it is waited for has failed, there and then.
"""

from __future__ import annotations

import time
from typing import Callable, Mapping, Optional, Sequence

from deployer.agent.managers import ProcessManager
from deployer.agent.timings import Timings
from deployer.agent.watch import Watch
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.02, 0.2, 1.2
LINES = 20


def await_ready(
    manager: ProcessManager,
    processes: Sequence[Process],
    types: Mapping[str, ProcessType],
    *,
    check: Callable[[], None],
    timings: Optional[Timings] = None,
    settle: bool = True,
) -> None:
    """Return when all `processes` are up; `RunFailed` says which one is not, why, and what it last wrote.

    Each has its type's `boot_timeout` seconds from now on to come up, and then, unless the caller is to wait for all
    together later (not `settle`), to stay up.  `check` is called all the time and may raise; `timings` hears of each
    that is up.
    """
    known = timings or Timings(begun=0.0)
    watches = []
    for process in processes:
        kind = types[process.type]
        patience = known.patience(kind) if settle else 0.0
        watches.append(Watch(manager, process, kind, patience=patience, timings=known))
    try:
        _await(manager, watches, check, known)
    finally:
        for watch in watches:
            watch.end()
        for watch in watches:
            watch.join()


def check_still_up(
    manager: ProcessManager, processes: Sequence[Process], types: Mapping[str, ProcessType], *, timings: Timings
) -> None:
    """`RunFailed` unless all of these are as they came up in the run that `timings` knows; nobody is waited for."""
    seen = {instance.process: instance for instance in manager.instances()}
    for process in processes:
        watch = Watch(manager, process, types[process.type], patience=0.0, timings=timings)
        failure = watch.ended(seen.get(process))
        if failure:
            raise _failed(manager, watch, failure)


def _await(manager: ProcessManager, watched: list[Watch], check: Callable[[], None], timings: Timings) -> None:
    pause = FIRST_PAUSE
    while True:
        check()
        seen = {instance.process: instance for instance in manager.instances()}
        for watch in watched:
            instance, ready = seen.get(watch.process), watch.ready
            failure = watch.look(instance)
            if failure:
                raise _failed(manager, watch, failure)
            if watch.ready and not ready and instance is not None:
                timings.is_ready(instance)
        _tell(watched, timings)
        if all(watch.settled for watch in watched):  # what has settled is looked at as long as another has not
            return
        time.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)


def _tell(watched: list[Watch], timings: Timings) -> None:
    """Tell what is waited for: who is not up, else who has not been up for long enough."""
    late = [watch for watch in watched if not watch.ready] or [watch for watch in watched if not watch.settled]
    if late:
        text, spent, of = late[0].waits_for()
        more = f" and {len(late) - 1} more" if len(late) > 1 else ""
        timings.waiting(f"{late[0].process.name}{more}: {text}", spent, of)


def _failed(manager: ProcessManager, watch: Watch, failure: str) -> RunFailed:
    process = watch.process
    logs = f"`deploy logs --release v{process.release} {process.name}` shows all it has written"
    return RunFailed(
        f"{process.name} of v{process.release} {failure}",
        hint=f"{watch.hint}; {logs}" if watch.hint else logs,
        output=manager.tail(process, LINES).decode("utf-8", "replace"),
        details=watch.details,
    )
