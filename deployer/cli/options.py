"""Which options and arguments do commands share?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployer.core import duration, names
from deployer.core.errors import UsageError

if TYPE_CHECKING:
    from deployer.settings import Narrow


def seconds(option: str, text: str) -> float:
    """The seconds of `60s`; `UsageError` for anything else."""
    found = duration.seconds(text)
    if found is None:
        raise UsageError(f"{option}: {text!r} is no duration", hint="say 60s, 5m or 1h30m")
    return found


def release_number(option: str, text: str | None) -> int | None:
    """The number of `v99` or `99`; `UsageError` for anything else."""
    found = names.release_number(text) if text is not None else None
    if text is not None and found is None:
        raise UsageError(f"{option}: {text!r} is no release", hint="say it as v99")
    return found


def number(option: str, text: str) -> int:
    """A count; `UsageError` for anything else."""
    if not text.isdecimal() or len(text) > 9:
        raise UsageError(f"{option}: {text!r} is no number", hint=f"say {option} 20")
    return int(text)


def shared(
    *,
    asked_target: Annotated[
        str | None,
        typer.Option("-t", "--target", metavar="NAME", help="The target; else $DEPLOY_TARGET, else the only one."),
    ] = None,
    asked_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    asked_quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Warnings and errors only.")] = False,
    asked_verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show tracebacks.")] = False,
    asked_wait: Annotated[
        str | None, typer.Option("--wait", metavar="DURATION", help="Wait so long for another writer (60s, 5m).")
    ] = None,
    asked_directory: Annotated[
        str | None, typer.Option("-C", "--directory", metavar="DIR", help="Work as if started in DIR.")
    ] = None,
) -> None:
    """Take the options that every command takes; `frame` adds them to each."""


def narrowing(
    *,
    asked_hosts: Annotated[
        str | None, typer.Option("--hosts", metavar="NAME,...", help="Only these: names, ranges, 'web*'.")
    ] = None,
    asked_limit: Annotated[str | None, typer.Option("--limit", metavar="N", help="Only the first N hosts.")] = None,
) -> None:
    """Take the options of a command that may be for some of the hosts; `frame` adds them to those of the table."""


def forgiving(
    *,
    asked_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without the hosts that cannot be reached.")
    ] = False,
    asked_yes: Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing: a protected target is meant.")] = False,
) -> None:
    """Take the options of a command that changes a target; `frame` adds them to those of the table."""


def narrow(hosts: str | None, limit: str | None, *, missing: bool) -> Narrow:
    """What the caller said of the hosts; `UsageError` for what is neither names nor a number."""
    from deployer.settings import Narrow

    named = tuple(name.strip() for name in (hosts or "").split(",") if name.strip())
    if hosts is not None and not named:
        raise UsageError(f"--hosts {hosts!r} names no host", hint="say --hosts web1,web2 or --hosts 'web*'")
    return Narrow(named, None if limit is None else number("--limit", limit), missing)


SHARED = ("asked_target", "asked_json", "asked_quiet", "asked_verbose", "asked_wait", "asked_directory")
NARROWING = ("asked_hosts", "asked_limit", "asked_missing")

Release = Annotated[str | None, typer.Argument(metavar="[RELEASE]", help="v99, 99, or how its build id begins.")]
ReleaseOption = Annotated[
    str | None, typer.Option("--release", metavar="RELEASE", help="Another release than the current one.")
]
HostOption = Annotated[str | None, typer.Option("--host", metavar="NAME", help="Another host than the primary.")]
ReleaseGiven = Annotated[str, typer.Argument(metavar="RELEASE", help="v99, 99, or how its build id begins.")]
