"""What does a failure say, and which code does the command exit with?"""

from __future__ import annotations

import os
import traceback
from typing import Any

from deployer.cli.display import columns
from deployer.cli.display.screen import Screen
from deployer.cli.display.visible import output_line
from deployer.core.errors import DeployError, Interrupted, RunFailed, UsageError
from deployer.core.names import release_name

FEW = 3  # hosts of which nothing is to be told that have a row each
LOCAL = "local"  # the host of the target of that name: this machine goes without saying


class OutOfService(DeployError):
    """The operating system of this machine refused: a full disk, a missing permission."""

    kind = "system"


def ours(error: BaseException) -> DeployError:
    """`error` as a failure with a message, a hint and an exit code."""
    if isinstance(error, DeployError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted", hint="the same command again finishes or cleans up what was begun")
    if isinstance(error, OSError) and error.errno is not None:
        from deployer.agent import disk_errors
        from deployer.cli import refusals

        hint = refusals.hint(error, os.environ) or disk_errors.hint(error)
        return OutOfService(disk_errors.message(error), hint=f"{hint}; -v shows where it happened")
    return DeployError(
        # The exception's own text is left to -v: it may quote a value that is a secret.
        f"this is a bug of deployer: {type(error).__name__} in {_place(error)}",
        hint="-v shows the traceback; please report it",
    )


def usage(message: str, command: str) -> UsageError:
    """The failure of a command line that does not fit `command`."""
    return UsageError(message, hint=f"`{command} --help` says what it takes")


def show(error: BaseException, screen: Screen) -> int:
    """Tell `error` on standard error, and with --json on standard output too; the exit code."""
    failure = ours(error)
    if screen.verbose:
        screen.say("".join(traceback.format_exception(error)).rstrip("\n"), "dim")
    _say(failure, screen)
    if screen.json:
        screen.answer({"error": document(failure)})
    return exit_code(failure)


def found(failure: DeployError, screen: Screen, told: dict[str, Any], lines: list[str]) -> int:
    """Answer with what was found, and tell that it is not well: one document, which holds the error too."""
    screen.answer({**told, "error": document(failure)}, lines)
    _say(failure, screen)
    return exit_code(failure)


def answer(screen: Screen, told: dict[str, Any], lines: list[str], missing: dict[str, DeployError]) -> int:
    """Answer with what was found, and tell which hosts are `missing` from it, and why; the exit code."""
    if not missing:
        return done(screen, told, lines, None)
    from deployer.hosts.fleet import first_of

    return done(screen, told, lines, first_of(missing))


def done(screen: Screen, told: dict[str, Any], lines: list[str], lost: DeployError | None) -> int:
    """Answer with what was done, and tell why it was not done on every host; the exit code."""
    if lost:
        return found(lost, screen, told, lines)
    screen.answer(told, lines)
    return 0


def afterwards(screen: Screen, lost: DeployError | None) -> int:
    """Tell what went wrong after the answer was given, if anything; the exit code."""
    if lost is None:
        return 0
    _say(lost, screen)
    return exit_code(lost)


def document(failure: DeployError) -> dict[str, Any]:
    """The failure as `--json` tells it."""
    details = {key: value for key, value in failure.details.items() if key != "hosts"}
    return {
        "code": exit_code(failure),
        "kind": failure.kind,
        "message": _message(failure),
        "hint": failure.hint,
        "hosts": [_host(host) for host in failure.details.get("hosts", [])],
        **({"output": failure.output} if failure.output else {}),
        **({"details": details} if details else {}),
    }


def exit_code(failure: DeployError) -> int:
    """The documented code of the failure's class; that of the process where a one-off process ended."""
    if failure.kind == "command-exit":
        return int(failure.details.get("code", failure.exit_code))
    return failure.exit_code


def _host(told: dict[str, Any]) -> dict[str, Any]:
    """What is told of a host, its release in the words of every other document."""
    release = told.get("release")
    return {**told, "release": release_name(release)} if isinstance(release, int) else told


def _say(failure: DeployError, screen: Screen) -> None:
    message = _message(failure)
    screen.paragraph(f"error: {message}", "bold red")
    for line in failure.output.splitlines():
        screen.say(f"  | {output_line(line)}")
    hosts = failure.details.get("hosts", [])
    if len(hosts) > 1:
        fine = "as before" if failure.kind == RunFailed.kind else "ok"
        for line in _table(hosts, message, fine, screen.err_width):
            screen.say(f"  {line}")
    if failure.hint:
        screen.say(f"hint: {failure.hint}", "cyan")


def _message(failure: DeployError) -> str:
    """The message, with the name of the host that told it before it."""
    host = failure.details.get("host", LOCAL)
    return failure.message if host == LOCAL or host in failure.message else f"{host}: {failure.message}"


def _table(hosts: list[dict[str, Any]], message: str, well: str, width: int | None) -> list[str]:
    """How it ended on each of several hosts; no error is cut, however narrow the terminal, nor told again.

    Many hosts of which nothing is to be told are one row.
    """
    rows, fine = [], []
    for host in map(_host, hosts):
        wrong = "; ".join(host.get("drift", ())) or str(host.get("error") or "").removeprefix(f"{host['host']}: ")
        serves = str(host.get("release") or "-")
        if host.get("ok", not wrong):
            fine.append([str(host["host"]), serves, well])
        else:
            rows.append([str(host["host"]), serves, "failed" if not wrong or wrong in message else wrong])
    same = fine[0][1:] if fine else []
    if len(fine) > FEW and all(row[1:] == same for row in fine):
        fine = [[f"{len(fine)} {'others' if rows else 'hosts'}", *same]]
    rows += fine
    if any("release" in host for host in hosts):
        return columns.table(["host", "serves", "outcome"], rows, width and width - 2)
    return columns.table(["host", "outcome"], [[name, told] for name, _, told in rows], width and width - 2)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f"{os.sep}deployer{os.sep}" in f.filename] or frames
    if not ours:
        return "an unknown place"
    path = ours[-1].filename.rpartition(f"{os.sep}deployer{os.sep}")[2]
    return f"{path}:{ours[-1].lineno}"
