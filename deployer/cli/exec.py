"""`deploy exec`: a one-off command."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import detached, failure, heading, keyboard
from deployer.cli.attached import Attached
from deployer.cli.call import Call
from deployer.cli.display.screen import Unread
from deployer.cli.lines import Lines
from deployer.cli.options import HostOption, ReleaseOption
from deployer.cli.outcome import name_or_none
from deployer.core import requests
from deployer.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from deployer.hosts.session import Session
    from deployer.settings import Narrow
    from deployer.stages.target import Target


def exec_(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[--] COMMAND...", help="The command and its arguments.")
    ] = None,
    *,
    release: ReleaseOption = None,
    host: HostOption = None,
    everywhere: Annotated[bool, typer.Option("--all", help="On every host at once, without input.")] = False,
    kind: Annotated[str | None, typer.Option("--as", metavar="TYPE", help="With the limits of that type.")] = None,
    detach: Annotated[
        bool, typer.Option("-d", "--detach", help="Let it go on by itself; prints its name: run.3.")
    ] = False,
    stop: Annotated[str | None, typer.Option("--stop", metavar="NAME", help="End one that goes on by itself.")] = None,
) -> int:
    """Run a one-off command in the current release's environment.

    Its input, output and signals are yours, on a terminal if you are on one; its exit code is the exit code. No
    shell reads it: for one say `deploy exec -- sh -c '...'`. With several hosts it runs on the primary; with --all
    every line stands behind its host's name, and the exit code is the first that is not 0.

    With --detach it goes on when you leave: `deploy logs -f run.3` follows it, `deploy ps` lists it, `--stop run.3`
    ends it, and how it ended stands in `deploy events`. It has no limits but those of the type that --as names.
    """
    call: Call = ctx.obj
    _check(command, host=host, everywhere=everywhere, detach=detach, stop=stop)
    with call.opened(partial=True, narrow=only(call, host)) as target:
        if stop:
            return detached.stop(call, target, stop)
        command = command or []
        name_place(call, target if everywhere else target.narrowed([_on(target).host.name]), "exec")
        version = target.ledger.find(release).version if release else None
        if everywhere:
            return execute_everywhere(call, target, command, version, kind or "")
        _check_something_runs(target, version)
        if detach:
            return detached.detach(call, target, command, version, kind or "")
        return execute(call, target, command, version, kind or "")


def _check(command: list[str] | None, *, host: str | None, everywhere: bool, detach: bool, stop: str | None) -> None:
    """Refuse what excludes each other."""
    if everywhere and host:
        raise UsageError("--host and --all exclude each other", hint="say one of them")
    if everywhere and detach:
        raise UsageError("--detach and --all exclude each other", hint="say --host NAME for each host")
    if stop and command:
        raise UsageError("--stop ends a process and begins none", hint="leave the command out")
    if stop:
        detached.number_of(stop)
    elif not command:
        raise UsageError("[--] COMMAND... is missing", hint="`deploy exec --help` explains it")


def only(call: Call, host: str | None) -> Narrow | None:
    """The one host that `host` names."""
    from deployer import settings

    if host is None:
        return None
    target = settings.target(call.project.settings, call.target)
    if target.is_local:
        raise UsageError(f"--host {host}: the target `local` is this machine alone", hint="leave --host out")
    chosen = settings.narrowed(target, [host], None).chosen
    if len(chosen) != 1:
        raise UsageError(f"--host {host} names {len(chosen)} hosts", hint="name one, or say --all")
    return settings.Narrow(chosen)


def execute(call: Call, target: Target, command: list[str], version: int | None, kind: str = "") -> int:
    """Run `command` in a release (None: the current one), tied to the caller's terminal or streams.

    It runs on the primary, or on the one host that the target is narrowed to, with the limits of the type `kind`.
    """
    from deployer.stages import streams

    session = _on(target)
    stdin = os.open(os.devnull, os.O_RDONLY) if sys.stdin is None else sys.stdin.fileno()  # None: `<&-`
    terminal = os.isatty(stdin) and call.screen.terminal and not call.screen.json
    rows, columns = keyboard.size(stdin)
    _check_something_runs(target, version)
    term = call.environ.get("TERM", "")
    request = requests.Exec(version, list(command), terminal, rows=rows, columns=columns, term=term, type=kind)
    attached = Attached(call.screen, stdin, terminal=terminal)
    call.progress.stop()
    try:
        code = streams.execute(session, request, attached)
    except Unread:  # the process ends with its session, as it would have by SIGPIPE
        return 128 + signal.SIGPIPE
    if call.screen.json:
        out, err = (attached.written[error].decode(errors="surrogateescape") for error in (False, True))
        release = name_or_none(version or target.ledger.current)
        call.screen.answer({"release": release, "code": code, "stdout": out, "stderr": err})
    return code


def name_place(call: Call, target: Target, what: str) -> None:
    """Say to a person where it will run, where that is not this machine."""
    if call.screen.err_width is not None and not target.settings.is_local:
        heading.begin(call, target, what)


def _on(target: Target) -> Session:
    """The host that a one-off process runs on."""
    return target.primary if target.whole else target.fleet.named(target.settings.chosen[0])


def execute_everywhere(call: Call, target: Target, command: list[str], version: int | None, kind: str) -> int:
    """Run `command` in a release on every host; the first exit code that is not 0, or 40 where a host is missing."""
    from deployer.stages import streams

    _check_something_runs(target, version)
    request = requests.Exec(version, list(command), terminal=False, term=call.environ.get("TERM", ""), type=kind)
    lines = Lines(call.screen, [session.host.name for session in target.chosen])
    call.progress.stop()
    try:
        answers = streams.execute_everywhere(target, request, lines.emit)
        lines.end()
    except Unread:
        return 128 + signal.SIGPIPE
    codes = {host: ended.code for host, ended in answers.replies.items()}
    failures = {**target.fleet.missing, **answers.failures}
    for host, code in codes.items():
        if code:
            call.screen.say(f"{host}: ended with code {code}", "yellow")
    code = next((code for code in codes.values() if code), 0)
    told = [{"host": host, "code": one, **lines.kept(host), "error": None} for host, one in codes.items()]
    told += [{"host": h, "code": None, **lines.kept(h), "error": error.message} for h, error in failures.items()]
    document = {"release": name_or_none(version or target.ledger.current), "code": code, "hosts": told}
    return failure.answer(call.screen, document, [], failures) or code


def _check_something_runs(target: Target, version: int | None) -> None:
    if version is None and target.ledger.current is None:
        raise NotFound("nothing runs here yet", hint="name a release: `--release v1`")
