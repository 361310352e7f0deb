"""`deploy exec`: a one-off command."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import keyboard
from deployer.cli.attached import Attached
from deployer.cli.call import Call
from deployer.cli.display.screen import Unread
from deployer.cli.options import ReleaseOption
from deployer.cli.outcome import name_or_none
from deployer.core import requests
from deployer.core.errors import NotFound

if TYPE_CHECKING:
    from deployer.stages.target import Target


def exec_(
    ctx: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="[--] COMMAND...", help="The command and its arguments.")],
    *,
    release: ReleaseOption = None,
) -> int:
    """Run a one-off command in the current release's environment.

    Its input, output and signals are yours, on a terminal if you are on one; its exit code is the exit code. No
    shell reads it: for one say `deploy exec -- sh -c '...'`.
    """
    call: Call = ctx.obj
    with call.opened() as target:
        version = target.ledger.find(release).version if release else None
        return execute(call, target, command, version)


def execute(call: Call, target: Target, command: list[str], version: int | None) -> int:
    """Run `command` in a release (None: the current one), tied to the caller's terminal or streams."""
    from deployer.stages import streams

    if version is None and target.ledger.current is None:
        raise NotFound("nothing runs here yet", hint="name a release: `--release v1`")
    stdin = os.open(os.devnull, os.O_RDONLY) if sys.stdin is None else sys.stdin.fileno()  # None: `<&-`
    terminal = os.isatty(stdin) and call.screen.terminal and not call.screen.json
    rows, columns = keyboard.size(stdin)
    term = call.environ.get("TERM", "")
    request = requests.Exec(version, list(command), terminal, rows=rows, columns=columns, term=term)
    attached = Attached(call.screen, stdin, terminal=terminal)
    call.progress.stop()
    try:
        code = streams.execute(target, request, attached)
    except Unread:  # the process ends with its session, as it would have by SIGPIPE
        return 128 + signal.SIGPIPE
    if call.screen.json:
        out, err = (attached.written[error].decode(errors="replace") for error in (False, True))
        release = name_or_none(version or target.ledger.current)
        call.screen.answer({"release": release, "code": code, "stdout": out, "stderr": err})
    return code
