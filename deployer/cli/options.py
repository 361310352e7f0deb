"""Which options and arguments do commands share?"""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.core import duration, names
from deployer.core.errors import UsageError


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
        raise UsageError(f"{option}: {text!r} is no number", hint="")
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


SHARED = ("asked_target", "asked_json", "asked_quiet", "asked_verbose", "asked_wait", "asked_directory")

Release = Annotated[str | None, typer.Argument(metavar="[RELEASE]", help="v99, 99, or how its build id begins.")]
ReleaseOption = Annotated[
    str | None, typer.Option("--release", metavar="RELEASE", help="Another release than the current one.")
]
ReleaseGiven = Annotated[str, typer.Argument(metavar="RELEASE", help="v99, 99, or how its build id begins.")]
