"""What must a process manager be able to do?  The protocol; `systemd.py` and `supervisor.py` are the two there are."""

from __future__ import annotations

from typing import Callable, Collection, Mapping, Optional, Protocol, Sequence

from deployer.agent.layout import Layout
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.message import message

# takes what a process wrote, with its time in seconds of the epoch, 0 where nobody knows it
Emit = Callable[[Process, float, bytes], None]
Check = Callable[[], None]  # called again and again while something is waited for; raises where that has no sense more
UP, STARTING, CRASHED, STOPPING, STOPPED = "up", "starting", "crashed", "stopping", "stopped"


@message
class Instance:
    """A process as its manager sees it.

    `state` is one of `up` (its command runs), `starting`, `crashed` (it ended and will be started again after a
    while), `stopping`, `stopped`; `pid` is 0 where nothing runs; `since` is the start of this state in seconds of the
    epoch; `restarts` counts the starts after the first; `reason` says how it last ended; it is `failing` while it has
    ended again and again, each time soon after its start.  `short` counts its lives before this one that were short: a
    life that its manager's own end has cut off is none.
    """

    process: Process
    state: str
    pid: int
    since: float
    restarts: int
    reason: str = ""
    failing: bool = False
    short: int = 0


class ProcessManager(Protocol):
    """Keeps the processes of one app's target on one host alive.

    `dated` says whether it knows when each line of a log was written; `files` are those of the target.

    A process is started as the release's own launcher (`releases/vN/agent.pyz launch web 1 --port 5000`) and
    nothing else; what the manager is told to run survives the manager's own restart.  Every call passes fault
    points, is idempotent and returns within a bounded time.
    """

    kind: str
    dated: bool
    files: Layout

    def ensure(self) -> None:
        """Have the manager itself running; end processes that an earlier one left behind."""
        ...

    def instances(self) -> list[Instance]:
        """All processes it has been told to run (or is still stopping), sorted; [] where it does not run."""
        ...

    def start(self, processes: Sequence[Process], types: Mapping[str, ProcessType]) -> None:
        """Run these from now on; one that it already runs stays as it is.  Returns without waiting for readiness."""
        ...

    def stop(
        self,
        processes: Sequence[Process],
        *,
        wait: bool = True,
        within: Optional[float] = None,
        check: Check = lambda: None,
    ) -> list[Process]:
        """End these for good: `stop_signal` to the group, SIGKILL to all of it after `stop_timeout`, an event then.

        With `wait`, returns when nothing of them is left: those of them that had to be killed, after `within` seconds
        at the latest.  `check` is called while waiting, and may raise: they go on ending then.
        """
        ...

    def close_sockets(self, *, but: Collection[str] = ()) -> None:
        """Listen no longer for the process types that are given their socket, `but` for these.

        `start` opens the socket of a type, and it outlives all its processes: connections wait meanwhile.  Closed,
        they are refused, unless one of its processes still runs.
        """
        ...

    def held(self, kinds: Mapping[str, int]) -> dict[str, str]:
        """Where the sockets of these types listen, '' for every address: of those that are held, on this port."""
        ...

    def weaknesses(self) -> list[str]:
        """Why a process that ends now would not be started again, or not for good; none where it would."""
        ...

    def said_ready(self, process: Process) -> bool:
        """Whether a process that says when it is up (`health: notify`) has said so, or nobody can know any more."""
        ...

    def tail(self, process: Process, lines: int) -> bytes:
        """The last `lines` lines that the process wrote to stdout and stderr."""
        ...

    def entries(self, process: Process, lines: int) -> list[tuple[float, bytes]]:
        """These lines without their ends, each with its time in seconds of the epoch, 0 where nobody knows it."""
        ...

    def follow(self, processes: Sequence[Process], lines: int, emit: Emit, idle: Callable[[], bool]) -> None:
        """Give `emit` the last `lines` lines of each and every new line; ends when `idle()`, called often, is true."""
        ...

    def schedule(self, release: int, kinds: Sequence[ProcessType]) -> None:
        """Run exactly these at their times from now on, of `release`, never two of a type at a time.

        A run of these that has begun goes on to its end, that of any other type ends now.
        """
        ...

    def armed(self) -> set[str]:
        """The types whose times are kept."""
        ...

    def rest(self) -> None:
        """Have nothing of the manager itself run where there is nothing to keep alive; what needs it begins it."""
        ...

    def shutdown(self) -> None:
        """End every process, and let nothing of this target start again until `start` or `schedule`."""
        ...


def manager_of(files: Layout, wish: str = "", program: str = "") -> ProcessManager:
    """The process manager of this target on this host; `wish` is `auto`, `systemd`, `supervisor` or '' (no change).

    `program` is the agent that systemd is to start with the host.  `ReleaseRefused` where a wish cannot be granted.
    """
    from deployer.agent.choice import chosen  # noqa: PLC0415 - it needs this module

    return chosen(files, wish, program)
