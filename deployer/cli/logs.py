"""`deploy logs`: what the processes wrote."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zlib import crc32

import typer

from deployer.cli import failure, options
from deployer.cli.call import Call
from deployer.cli.display.screen import PALETTE, Screen, Unread
from deployer.cli.options import ReleaseOption
from deployer.core import duration
from deployer.core.errors import DeployError, UsageError

SEARCHED = 10_000  # lines of each process that --since and --grep look through

if TYPE_CHECKING:
    from deployer.core import requests
    from deployer.stages.logs import Written
    from deployer.stages.target import Target


def logs(
    ctx: typer.Context,
    processes: Annotated[list[str] | None, typer.Argument(metavar="[PROCESS]...", help="web, web.1; else all.")] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", "--tail", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[str, typer.Option("-n", "--lines", metavar="N", help="The last N lines of each.")] = "100",
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only what is newer: 10m, 2h, 2026-11-30T12:00.")
    ] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="PATTERN", help="Only lines that match (a regular expression).")
    ] = None,
    times: Annotated[bool, typer.Option("--times", help="Each line behind the time when it was written.")] = False,
    release: ReleaseOption = None,
) -> int:
    """Print what the processes wrote.

    Byte for byte, every line behind the name of its process, and of its host where there are several, in the order of
    time; what has no time comes first. --follow goes on with the processes of the next release. Exit code 40 where a
    host cannot be reached. With --since and --grep the newest 10,000 lines of each process are looked through; a line
    without a time is never too old.
    """
    from deployer.core import requests

    call: Call = ctx.obj
    if follow and call.screen.json:
        raise UsageError("--json is one document, and --follow never ends", hint="leave one of them out")
    count, wanted = options.number("-n", lines), Wanted(_moment(since), _pattern(grep), times)
    try:
        with call.opened(lenient=True) as target:
            version = target.ledger.find(release).version if release else None
            call.progress.stop()
            asked = requests.Logs(processes or [], SEARCHED if wanted else count, follow, version)
            return _follow(call, target, asked, wanted) if follow else _tail(call, target, asked, wanted, count)
    except Unread:
        return 0
    except KeyboardInterrupt:
        if not follow:
            raise
        raise typer.Exit(130) from None  # how one ends --follow: nothing is left to clean up or to say


@dataclass(frozen=True)
class Wanted:
    """Which lines are shown: those since `moment` (seconds of the epoch) that match `pattern`; false for all.

    `times`: each with its time.
    """

    moment: float = 0.0
    pattern: re.Pattern[bytes] | None = None
    times: bool = False

    def __bool__(self) -> bool:
        return bool(self.moment or self.pattern)

    def of(self, line: Written) -> bool:
        """Whether this line is shown."""
        new = not line.at or line.at >= self.moment
        return new and (self.pattern is None or self.pattern.search(line.text.rstrip(b"\n")) is not None)


def _moment(since: str | None) -> float:
    """The seconds of the epoch that `10m` or a time names; 0 where nothing is said."""
    if since is None:
        return 0.0
    ago = duration.seconds(since)
    if ago is not None:
        return time.time() - ago
    try:
        return datetime.fromisoformat(since).timestamp()
    except ValueError as error:
        raise UsageError(f"--since: {since!r} is no time", hint="say 10m, 2h or 2026-11-30T12:00") from error


def _pattern(grep: str | None) -> re.Pattern[bytes] | None:
    try:
        return None if grep is None else re.compile(grep.encode("utf-8", "surrogateescape"))
    except re.error as error:
        raise UsageError(f"--grep {grep}: {error}", hint="it is a regular expression; `\\[` is a bracket") from error


def _newest(written: list[Written], count: int) -> list[Written]:
    """The last `count` lines of each process."""
    left: dict[tuple[str, str], int] = {}
    kept = []
    for line in reversed(written):
        name = (line.host, line.process)
        left[name] = left.get(name, count) - 1
        if left[name] >= 0:
            kept.append(line)
    return kept[::-1]


def _tail(call: Call, target: Target, asked: requests.Logs, wanted: Wanted, count: int) -> int:
    from deployer.stages import logs as stage

    written, lost = stage.tail(target, asked)
    if wanted:
        written = _newest([line for line in written if wanted.of(line)], count)
    if not call.screen.json:
        weave = Weave(call.screen, several=_several(target), times=wanted.times)
        for line in written:
            weave.emit(line)
    return failure.answer(call.screen, document(written), [], {**target.fleet.missing, **lost})


def _follow(call: Call, target: Target, asked: requests.Logs, wanted: Wanted) -> int:
    from deployer.stages import logs as stage

    def told(host: str, error: DeployError) -> None:
        where = "" if host in error.message else f"{host}: "
        call.screen.say(f"error: {where}{error.message}", "red")

    missing = dict(target.fleet.missing)
    for host, error in missing.items():
        told(host, error)
    weave = Weave(call.screen, several=_several(target), times=wanted.times)

    def emit(written: Written) -> None:
        for line in written.text.splitlines(keepends=True) if wanted else [written.text]:
            part = replace(written, text=line)
            if not wanted or wanted.of(part):
                weave.emit(part)

    missing.update(stage.follow(target, asked, emit, told))
    return max(map(failure.exit_code, missing.values()), default=0)


def _several(target: Target) -> bool:
    return len(target.chosen) + len(target.fleet.missing) > 1


def document(written: list[Written]) -> dict[str, Any]:
    """What `--json` tells: the lines of each process, and the time of each where it is known."""
    own: dict[tuple[str, str], dict[str, Any]] = {}
    for line in written:
        name = {"host": line.host, "process": line.process, "lines": [], "times": []}
        entry = own.setdefault((line.host, line.process), name)
        entry["lines"].append(line.text.decode(errors="replace").removesuffix("\n"))
        entry["times"].append(f"{datetime.fromtimestamp(line.at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if line.at else None)
    return {"logs": list(own.values())}


class Weave:
    """The lines of several processes as one stream, each behind its process's name, and its host's with `several`.

    With `times` its time, as this machine's clock has it, comes before all.
    """

    def __init__(self, screen: Screen, *, several: bool, times: bool = False) -> None:
        self._screen, self._several, self._times = screen, several, times
        self._colours: dict[str, str] = {}
        self._inside: tuple[str, str] | None = None  # the process whose unfinished line is being printed

    def emit(self, written: Written) -> None:
        """Print what a process wrote."""
        source = (written.host, written.process)
        for line in written.text.splitlines(keepends=True):
            start = b""
            if self._inside != source:
                start = (b"\n" if self._inside else b"") + self._name(*source, written.at).encode()
            self._inside = None if line.endswith(b"\n") else source
            if not self._screen.write_bytes(start + line):
                raise Unread

    def _name(self, host: str, process: str, at: float) -> str:
        name = f"{host} {process}" if self._several else process
        if self._times:
            moment = f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S}" if at else "-"
            name = f"{moment:<19} {name}"
        return self._screen.styled(f"{name} | ", self._colour(process))

    def _colour(self, process: str) -> str:
        """The same one for a process every time; another one's if there are so few that it is taken."""
        if process not in self._colours:
            colours, first = list(PALETTE), crc32(process.encode())
            turns = [colours[(first + turn) % len(colours)] for turn in range(len(colours))]
            taken = self._colours.values()
            self._colours[process] = next((colour for colour in turns if colour not in taken), turns[0])
        return self._colours[process]
