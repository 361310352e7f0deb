"""`deploy logs`: what the processes wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zlib import crc32

import typer

from deployer.cli import failure, options
from deployer.cli.call import Call
from deployer.cli.display.screen import PALETTE, Screen, Unread
from deployer.cli.options import ReleaseOption
from deployer.core.errors import DeployError, UsageError

if TYPE_CHECKING:
    from deployer.core import requests
    from deployer.stages.logs import Written
    from deployer.stages.target import Target


def logs(
    ctx: typer.Context,
    processes: Annotated[list[str] | None, typer.Argument(metavar="[PROCESS]...", help="web, web.1; else all.")] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more comes, until Ctrl-C.")] = False,
    lines: Annotated[str, typer.Option("-n", "--lines", metavar="N", help="The last N lines of each.")] = "100",
    release: ReleaseOption = None,
) -> int:
    """Print what the processes wrote.

    Byte for byte, every line behind the name of its process, and of its host where there are several: in the order of
    time where the process manager knows it (systemd does), else host by host. --follow goes on with the processes of
    the next release. Exit code 40 where a host cannot be reached.
    """
    from deployer.core import requests

    call: Call = ctx.obj
    if follow and call.screen.json:
        raise UsageError("--json is one document, and --follow never ends", hint="leave one of them out")
    count = options.number("-n", lines)
    try:
        with call.opened(partial=True) as target:
            version = target.ledger.find(release).version if release else None
            call.progress.stop()
            asked = requests.Logs(processes or [], count, follow, version)
            return _follow(call, target, asked) if follow else _tail(call, target, asked)
    except Unread:
        return 0
    except KeyboardInterrupt:
        if not follow:
            raise
        raise typer.Exit(130) from None  # how one ends --follow: nothing is left to clean up or to say


def _tail(call: Call, target: Target, asked: requests.Logs) -> int:
    from deployer.stages import logs as stage

    written, lost = stage.tail(target, asked)
    if not call.screen.json:
        weave = Weave(call.screen, several=_several(target))
        for line in written:
            weave.emit(line)
    return failure.answer(call.screen, document(written), [], {**target.fleet.missing, **lost})


def _follow(call: Call, target: Target, asked: requests.Logs) -> int:
    from deployer.stages import logs as stage

    def told(host: str, error: DeployError) -> None:
        where = "" if host in error.message else f"{host}: "
        call.screen.say(f"error: {where}{error.message}", "red")

    missing = dict(target.fleet.missing)
    for host, error in missing.items():
        told(host, error)
    missing.update(stage.follow(target, asked, Weave(call.screen, several=_several(target)).emit, told))
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
    """The lines of several processes as one stream, each behind its process's name, and its host's with `several`."""

    def __init__(self, screen: Screen, *, several: bool) -> None:
        self._screen, self._several = screen, several
        self._colours: dict[str, str] = {}
        self._inside: tuple[str, str] | None = None  # the process whose unfinished line is being printed

    def emit(self, written: Written) -> None:
        """Print what a process wrote."""
        source = (written.host, written.process)
        for line in written.text.splitlines(keepends=True):
            start = b""
            if self._inside != source:
                start = (b"\n" if self._inside else b"") + self._name(*source).encode()
            self._inside = None if line.endswith(b"\n") else source
            if not self._screen.write_bytes(start + line):
                raise Unread

    def _name(self, host: str, process: str) -> str:
        name = f"{host} {process}" if self._several else process
        return self._screen.styled(f"{name} | ", self._colour(process))

    def _colour(self, process: str) -> str:
        """The same one for a process every time; another one's if there are so few that it is taken."""
        if process not in self._colours:
            colours, first = list(PALETTE), crc32(process.encode())
            turns = [colours[(first + turn) % len(colours)] for turn in range(len(colours))]
            taken = self._colours.values()
            self._colours[process] = next((colour for colour in turns if colour not in taken), turns[0])
        return self._colours[process]
