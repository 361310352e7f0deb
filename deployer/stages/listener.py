"""What becomes of what a host says while it works on a request?  Events, and output line by line."""

from __future__ import annotations

from deployer.core import wire
from deployer.hosts.session import Session
from deployer.stages.events import OUTPUT, PHASE, WAITING, WARNING, Event, Report

LONGEST_LINE = 1 << 16  # bytes of output that are held back for the end of their line


class Listener:
    """What to do with the frames that come during a request: tell them as events, output line by line."""

    def __init__(self, report: Report, session: Session) -> None:
        self._report, self._host, self._rest = report, session.host.name, b""

    def __call__(self, kind: bytes, payload: bytes) -> None:
        """Take one frame."""
        if kind == wire.EVENT:
            told = wire.load(payload)
            if told["event"] == wire.PHASE:
                self._report(Event(PHASE, told["text"], self._host, told.get("spent", 0.0), told.get("of", 0.0)))
                return
            self._report(Event(WAITING if told["event"] == "waiting" else WARNING, told["text"], self._host))
        elif kind == wire.STDOUT:
            *lines, self._rest = (self._rest + payload).split(b"\n")
            for line in lines:
                self._tell(line)
            if len(self._rest) > LONGEST_LINE:
                self.end()

    def end(self) -> None:
        """Tell what came last and had no end of its line: often why the command failed."""
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def _tell(self, line: bytes) -> None:
        self._report(Event(OUTPUT, line.decode(errors="replace"), self._host))
