"""`deploy logs`: what the processes wrote."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import options
from deployer.cli.call import Call
from deployer.cli.display.screen import Screen, Unread
from deployer.cli.options import ReleaseOption
from deployer.core.errors import UsageError


def logs(
    ctx: typer.Context,
    processes: Annotated[list[str] | None, typer.Argument(metavar="[PROCESS]...", help="web, web.1; else all.")] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more comes, until Ctrl-C.")] = False,
    lines: Annotated[str, typer.Option("-n", "--lines", metavar="N", help="The last N lines of each.")] = "100",
    release: ReleaseOption = None,
) -> None:
    """Print what the processes wrote.

    Byte for byte, every line behind the name of its process.
    """
    from deployer.stages import streams

    call: Call = ctx.obj
    if follow and call.screen.json:
        raise UsageError("--json is one document, and --follow never ends", hint="leave one of them out")
    count = options.number("-n", lines)
    weave = Weave(call.screen)
    try:
        with call.opened() as target:
            version = target.ledger.find(release).version if release else None
            call.progress.stop()
            streams.logs(target, processes or [], weave.emit, lines=count, follow=follow, version=version)
    except Unread:
        return
    except KeyboardInterrupt:
        if not follow:
            raise
        raise typer.Exit(130) from None  # how one ends --follow: nothing is left to clean up or to say
    weave.end()


class Weave:
    """The lines of several processes as one stream, each behind its process's name."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._collected: dict[str, bytes] = {}
        self._inside = ""  # the process whose unfinished line is being printed

    def emit(self, process: str, text: bytes) -> None:
        """Print, or with --json keep, what `process` wrote."""
        if self._screen.json:
            self._collected[process] = self._collected.get(process, b"") + text
            return
        for line in text.splitlines(keepends=True):
            self._line(process, line)

    def end(self) -> None:
        """Print what was kept."""
        if self._screen.json:
            kept = {process: text.decode(errors="replace") for process, text in self._collected.items()}
            self._screen.answer({"logs": [{"process": p, "lines": text.splitlines()} for p, text in kept.items()]})

    def _line(self, process: str, line: bytes) -> None:
        start = b""
        if self._inside != process:
            start = (b"\n" if self._inside else b"") + self._screen.styled(f"{process} | ", "dim").encode()
        self._inside = "" if line.endswith(b"\n") else process
        if not self._screen.write_bytes(start + line):
            raise Unread
